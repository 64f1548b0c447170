'use strict';

// Reads calls from standard input, one JSON value {"path": ..., "arguments": [...]} a line, makes them one after the
// other, and prints one line of JSON for each: {"resolved": ...} or {"rejected": ...}.

const readline = require('readline');

module.exports = async (call) => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { path, arguments: values } = JSON.parse(line);
    const outcome = await Promise.resolve()
      .then(() => call(path, values))
      .then((resolved) => ({ resolved }), (rejected) => ({ rejected: plain(rejected) }));
    process.stdout.write(JSON.stringify(outcome) + '\n');
  }
};

// plain keeps the text of an Error, which JSON would lose.
const plain = (reason) => (reason instanceof Error ? { error: reason.message, status: reason.status } : reason);
