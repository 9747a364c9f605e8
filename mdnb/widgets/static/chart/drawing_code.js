// The code that draws charts: sent to a page once a kernel, and shared by all its charts (`live_chart.js`).

import "../page/select_keys.js";
import { Chart } from "./chart.js";
import { plotlyOf } from "./plotly_loader.js";
import { View } from "./view.js";

export { Chart, View, plotlyOf };
