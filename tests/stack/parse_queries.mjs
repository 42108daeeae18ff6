// Reads [[language, query], ...] as JSON from standard input, parses each query by Grafana's own grammar, and writes
// [[query, what the parser did not understand], ...] of those that are wrong.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const resolve = createRequire(pathToFileURL(`${process.argv[2]}/package.json`)).resolve;
const parsers = {
  loki: (await import(pathToFileURL(resolve("@grafana/lezer-logql")))).parser,
  tempo: (await import(pathToFileURL(resolve("@grafana/lezer-traceql")))).parser,
};
const wrong = [];
for (const [language, query] of JSON.parse(readFileSync(0, "utf8"))) {
  parsers[language].parse(query).iterate({
    enter(node) {
      if (node.type.isError) wrong.push([query, query.slice(node.from, node.from + 40)]);
    },
  });
}
process.stdout.write(JSON.stringify(wrong));
