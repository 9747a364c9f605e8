"""Parts shared by the awaited face (`TradingSuite`) and the plain face (`mdnb.live`) of a market."""
