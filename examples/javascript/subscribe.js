// A subscriber with a queue of its own on the events: it does its work once for
// each job, whatever is delivered twice and whenever it is killed. The work here
// is a file for each job in a folder; docs/EVENTS.md says how the same holds for
// a database or another service.
//
//   NATS_URL=nats://127.0.0.1:4222 node subscribe.js invoices ./inbox
//
// The first argument names the queue. Programs that share a name share the work;
// with names of their own, each gets all events.

import { link, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connect, nanos } from "@nats-io/transport-node";
import { AckPolicy, DeliverPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream";

const [queue, folder] = process.argv.slice(2);
if (!folder) {
  console.error("usage: subscribe.js QUEUE FOLDER");
  process.exit(2);
}
const stream = "JOBS_EVENTS";

const nc = await connect({
  servers: process.env.NATS_URL ?? "nats://127.0.0.1:4222",
  maxReconnectAttempts: -1,
});
const jsm = await jetstreamManager(nc);
await jsm.consumers.add(stream, {
  durable_name: queue, // the broker remembers what is done while nobody runs
  filter_subjects: ["jobs.events.completed.*", "jobs.events.failed.*", "jobs.events.canceled.*"],
  deliver_policy: DeliverPolicy.All,
  ack_policy: AckPolicy.Explicit,
  ack_wait: nanos(30_000), // longer than the work takes
  max_deliver: -1, // give nothing up by itself
});

const consumer = await jetstream(nc).consumers.get(stream, queue);
const messages = await consumer.consume({ max_messages: 8 }); // all done within the ack wait
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => messages.stop());
for await (const message of messages) await take(message);
await nc.close();

// take does the work and then acknowledges. A program that dies in between is
// given the event again, and finds its work done. The acknowledgement is
// confirmed, so that one that was lost shows.
async function take(message) {
  let event;
  try {
    event = message.json();
  } catch (error) {
    return message.term(`not an event: ${error.message}`);
  }
  if (await work(event, message.data)) {
    const { status, reason = "", objects = [] } = event.data;
    console.log(status, event.id, reason, objects.map(({ bucket, key }) => `${bucket}/${key}`).join(" "));
  }
  if (!(await message.ackAck())) throw new Error(`the acknowledgement of ${event.id} was not confirmed`);
}

// work makes a file named after the event, all of it or nothing, and reports
// whether it was not there before: what is done and the record of having done it
// are one and the same.
async function work(event, body) {
  const whole = join(folder, `.new-${process.pid}`);
  await writeFile(whole, body);
  try {
    await link(whole, join(folder, `${event.id}.json`));
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  } finally {
    await rm(whole);
  }
}
