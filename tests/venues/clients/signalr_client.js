// Follows a contract's trades by Microsoft's own client of SignalR, and writes them as JSON.
// node signalr_client.js MODULES HUB TOKEN CONTRACT TRADES skip|negotiate

import { createRequire } from "node:module";
import { join } from "node:path";
import process from "node:process";

const [modules, hub, token, contract, count, how] = process.argv.slice(2);
const signalr = createRequire(join(modules, "nowhere.js"))("@microsoft/signalr");

const options = { accessTokenFactory: () => token, transport: signalr.HttpTransportType.WebSockets };
const connection = new signalr.HubConnectionBuilder()
  .withUrl(`${hub}?access_token=${encodeURIComponent(token)}`, { ...options, skipNegotiation: how === "skip" })
  .configureLogging(signalr.LogLevel.Error)
  .build();

const trades = [];
const ended = new Promise((resolve, reject) => {
  connection.on("GatewayTrade", (of, data) => {
    for (const trade of Array.isArray(data) ? data : [data]) {
      trades.push([of, trade.timestamp, trade.price, trade.volume, trade.type]);
    }
    if (trades.length >= Number(count)) {
      resolve();
    }
  });
  connection.onclose((error) => reject(error ?? new Error("closed")));
});

await connection.start();
const refused = await connection.invoke("SubscribeContractTrades", "CON.F.US.NONE.H26").catch((error) => error.message);
const taken = await connection.invoke("SubscribeContractTrades", contract);
await ended;
await connection.invoke("UnsubscribeContractTrades", contract);
ended.catch(() => {});
await connection.stop();
process.stdout.write(`${JSON.stringify({ trades, refused, taken })}\n`);
