// The tests of all wires.
import { after, before, beforeEach, describe, it } from "node:test";
import { limit } from "../harness.mjs";
import { startCluster } from "./cluster.mjs";
import { groups } from "./rows.mjs";

// The mixtures of nodes. The first proves the rows themselves. CLUSTER names one mixture, for example CLUSTER=go,go.
const mixtures = [
  ["node", "node"],
  ["node", "go"],
  ["go", "go"],
  ["node", "go", "node", "go"],
];

// mixed runs all rows on a wire, by each node of each mixture, and the further rows once for each mixture.
export function mixed({ title = "", ...options }, { further = {}, kinds = mixtures } = {}) {
  for (const kind of kinds) {
    if (process.env.CLUSTER && kind.join() !== process.env.CLUSTER) continue;
    describe(`${[options.wire, title].filter(Boolean).join(" ")}: ${kind.join(" and ")}`, () => {
      let cluster;
      before(async () => (cluster = await startCluster(kind, options)), limit);
      beforeEach(() => cluster.replace(), limit); // a test that failed may have left sockets disconnected
      after(() => cluster?.stop(), limit);
      for (const [group, table] of Object.entries(further)) {
        for (const [title, row] of Object.entries(table)) it(`${group}: ${title}`, limit, () => row(cluster));
      }
      kind.forEach((_, i) => {
        for (const [group, table] of Object.entries(groups)) {
          for (const [title, row] of Object.entries(table)) {
            it(`node ${i}, ${group}: ${title}`, limit, () => row(cluster, cluster.nodes[i]));
          }
        }
      });
    });
  }
}
