// A producer: submits each job ID of its arguments.
//
//   NATS_URL=nats://127.0.0.1:4222 node submit.js ID…

import { connect } from "@nats-io/transport-node";
import { jetstream } from "@nats-io/jetstream";

const nc = await connect({ servers: process.env.NATS_URL ?? "nats://127.0.0.1:4222" });
try {
  const js = jetstream(nc);
  for (const jobID of process.argv.slice(2)) {
    const submission = { jobID, prefix: "examples/", metadata: { submittedBy: "node" } };
    // Once the broker has acknowledged it, the submission is not lost. To
    // submit a job twice does no harm, so an error is a reason to try again;
    // the message ID alone makes the broker drop the second within two minutes.
    await js.publish(`jobs.submit.${jobID}`, JSON.stringify(submission), { msgID: jobID });
    console.log("submitted", jobID);
  }
} finally {
  await nc.close();
}
