package check_test

import (
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/test/chaos/check"
)

// planting puts a flaw into a clean run.
type planting struct {
	about string
	plant func(o *check.Observation)
}

// The places of the clean run's jobs in its lists.
const (
	pdf = iota // event and object
	both
	away
	broken
	stopped
)

// edit changes an event's data by its text.
func edit(event int, old, replacement string) func(*check.Observation) {
	return func(o *check.Observation) {
		before := string(o.Events[event].Data)
		after := strings.ReplaceAll(before, old, replacement)
		if after == before {
			panic("nothing to replace: " + old)
		}
		o.Events[event].Data = []byte(after)
	}
}

// plantings are those of every kind.
func plantings() map[check.Kind][]planting {
	all := map[check.Kind][]planting{}
	for _, some := range []map[check.Kind][]planting{eventPlantings(), objectPlantings(), otherPlantings(), proofPlantings()} {
		maps.Copy(all, some)
	}
	return all
}

func eventPlantings() map[check.Kind][]planting {
	return map[check.Kind][]planting{
		check.EventMissing: {
			{"of a job without a result", never(stopped)},
			{"of a job whose objects stand", never(pdf)},
			{"of all jobs", func(o *check.Observation) { o.Events, o.LastEvent = nil, 0 }},
		},
		check.EventVanished: {
			{"replaced by a later one of its job", func(o *check.Observation) {
				again(stopped, "canceled")(o)
				o.Events = slices.Delete(o.Events, stopped, stopped+1)
			}},
			{"the first one", vanish(pdf)},
			{"one between others", vanish(away)},
			{"the last one", vanish(stopped)},
		},
		check.EventTwice: {
			{"the same again", again(stopped, "canceled")},
			{"of another outcome", again(pdf, "failed")},
		},
		check.EventUnknown: {
			{"a job of nobody", func(o *check.Observation) { delete(o.Expected, "stopped"); delete(o.Acknowledged, "stopped") }},
			{"a rejected submission", reject},
		},
		check.EventMalformed: malformed(),
		check.WrongOutcome: {
			{"canceled for failed", func(o *check.Observation) { expect(o, "stopped", func(e *check.Expectation) { e.Outcome = "failed" }) }},
			{"failed for completed", func(o *check.Observation) {
				expect(o, "broken", func(e *check.Expectation) { e.Outcome = "completed" })
			}},
		},
		check.WrongReason: {{"another", edit(broken, `"job_failed"`, `"worker_crashed"`)}},
		check.WrongKind:   {{"another", edit(away, `"delivered"`, `"file"`)}},
		check.WrongMetadata: {
			{"another value", edit(pdf, "Fähre 7", "Fähre 8")},
			{"none", edit(pdf, `"metadata":{"Order":"Fähre 7"},`, "")},
			{"too much", edit(stopped, `"jobID":"stopped",`, `"jobID":"stopped","metadata":{"a":"b"},`)},
		},
		check.WrongObjects: {
			{"none named", edit(pdf, `"objects":[`, `"others":[`)},
			{"another bucket", edit(pdf, `"bucket":"results"`, `"bucket":"others"`)},
			{"no bucket", edit(pdf, `"bucket":"results",`, "")},
			{"another type", edit(pdf, `"application/pdf"`, `"text/plain"`)},
			{"another ETag", edit(pdf, `"etag-`, `"gate-`)},
			{"another checksum", edit(pdf, `"checksum":"`, `"checksum":"A`)},
			{"another size", edit(pdf, `"size":`, `"size":1`)},
			{"another order", func(o *check.Observation) {
				expect(o, "both", func(e *check.Expectation) { slices.Reverse(e.Objects) })
			}},
		},
	}
}

func objectPlantings() map[check.Kind][]planting {
	return map[check.Kind][]planting{
		check.ObjectMissing:    {{"the only one", func(o *check.Observation) { o.Objects = o.Objects[1:] }}},
		check.ObjectWrongSize:  {{"cut short", func(o *check.Observation) { o.Objects[pdf].Size--; o.Objects[pdf].SHA256 = "00" }}},
		check.ObjectWrongBytes: {{"one bit", func(o *check.Observation) { o.Objects[pdf].SHA256 = "00" }}},
		check.ObjectWrongChecksum: {
			{"none", func(o *check.Observation) { o.Objects[pdf].CRC64NVME = "" }},
			{"another", func(o *check.Observation) { o.Objects[pdf].CRC64NVME = "AAAAAAAAAAA=" }},
			{"none where it is not known", func(o *check.Observation) {
				edit(pdf, `"checksum":"`+o.Objects[pdf].CRC64NVME, `"checksum":"`)(o)
				o.Objects[pdf].CRC64NVME = ""
				expect(o, "pdf", func(e *check.Expectation) { e.Objects[0].CRC64NVME = "" })
			}},
		},
		check.ObjectWrongType: {{"another", func(o *check.Observation) { o.Objects[pdf].ContentType = "text/plain" }}},
		check.ObjectWrongMetadata: {
			{"no job-id", func(o *check.Observation) { delete(o.Objects[pdf].Metadata, "Job-Id") }},
			{"another job-id", func(o *check.Observation) { o.Objects[pdf].Metadata["Job-Id"] = "both" }},
			{"another value", func(o *check.Observation) { o.Objects[pdf].Metadata["order"] = "8" }},
			{"too much", func(o *check.Observation) { o.Objects[pdf].Metadata["more"] = "8" }},
		},
		check.ObjectPartial: {
			{"fewer bytes", func(o *check.Observation) { o.Sightings[pdf].Size-- }},
			{"other bytes", func(o *check.Observation) { o.Sightings[pdf].CRC64NVME = "AAAAAAAAAAA=" }},
		},
		check.ObjectUnasked: {
			{"at the end", func(o *check.Observation) {
				o.Objects = append(o.Objects, check.Object{Key: "pdf/result-002.pdf"})
				o.Sightings = append(o.Sightings, check.Sighting{Key: "pdf/result-002.pdf"})
			}},
			{"for a moment", func(o *check.Observation) { o.Sightings = append(o.Sightings, check.Sighting{Key: "pdf/part"}) }},
		},
	}
}

func otherPlantings() map[check.Kind][]planting {
	return map[check.Kind][]planting{
		check.UploadOrphaned:  {{"one", func(o *check.Observation) { o.Orphans = []string{"pdf/result.pdf"} }}},
		check.MessageLeft:     {{"a timer", func(o *check.Observation) { o.Left["JOBS_WAIT"] = 1 }}, {"a submission", func(o *check.Observation) { o.Left["JOBS"] = 1 }}},
		check.TokenAtFileHost: {{"one", func(o *check.Observation) { o.Authorizations = 1 }}},
		check.SecretLeaked:    leaks(),
		check.NotSearched: {
			{"not to be opened", func(o *check.Observation) {
				o.Texts[0].Open = func() (io.ReadCloser, error) { return nil, errors.New("gone") }
			}},
			{"a line without end", func(o *check.Observation) { o.Texts[0] = text("log", strings.Repeat("x", 17<<20)) }},
			{"a pattern that is none", func(o *check.Observation) { o.Patterns = []string{"("} }},
			{"no text at all", func(o *check.Observation) { o.Texts = nil }},
			{"an empty text", func(o *check.Observation) { o.Texts = append(o.Texts, text("worker-1.log", "")) }},
			{"no secret to search for", func(o *check.Observation) { o.Secrets = nil }},
		},
		check.WorkerFailed: failures(),
	}
}

// never is a run in which an event was not published.
func never(event int) func(*check.Observation) {
	return func(o *check.Observation) {
		o.Events = slices.Delete(o.Events, event, event+1)
		for i := range o.Events {
			o.Events[i].Sequence = uint64(i + 1)
		}
		o.LastEvent--
	}
}

// vanish takes an event away that stood, of a job that needs none.
func vanish(event int) func(*check.Observation) {
	return func(o *check.Observation) {
		subject := o.Events[event].Subject
		o.Acknowledged[subject[strings.LastIndex(subject, ".")+1:]] = 0
		o.Events = slices.Delete(o.Events, event, event+1)
	}
}

// publish adds an event behind the others.
func publish(o *check.Observation, e check.Event) {
	o.LastEvent++
	e.Sequence = o.LastEvent
	o.Events = append(o.Events, e)
}

// again adds an event of a job that has one already.
func again(event int, outcome string) func(*check.Observation) {
	return func(o *check.Observation) {
		e := o.Events[event]
		id := e.Subject[strings.LastIndex(e.Subject, ".")+1:]
		e.Subject = "jobs.events." + outcome + "." + id
		if outcome == "failed" {
			e.Data = []byte(strings.NewReplacer(`"pdf"`, `"`+id+`"`, `"broken"`, `"`+id+`"`).Replace(string(o.Events[broken].Data)))
		}
		publish(o, e)
	}
}

func expect(o *check.Observation, id string, change func(*check.Expectation)) {
	e := o.Expected[id]
	change(&e)
	o.Expected[id] = e
}

func reject(o *check.Observation) {
	publish(o, check.Event{
		Subject: "jobs.events.rejected.JOBS.17", Header: o.Events[0].Header,
		Data: []byte(`{"specversion":"1.0","id":"JOBS.17","source":"/jobferry","type":"com.jobferry.job.rejected.v1","subject":"JOBS.17",` +
			`"time":"` + settled + `","datacontenttype":"application/json","data":{"status":"rejected","reason":"no","settledAt":"` + settled + `"}}`),
	})
}

func malformed() []planting {
	return []planting{
		{"no JSON", func(o *check.Observation) { o.Events[stopped].Data = []byte("{") }},
		{"no header", func(o *check.Observation) { o.Events[stopped].Header = nil }},
		{"sequences not ascending", func(o *check.Observation) { o.Events[stopped].Sequence = 1; o.LastEvent-- }},
		{"subject of another job", func(o *check.Observation) { o.Events[stopped].Subject += "ped"; known(o, "stoppedped") }},
		{"subject of another outcome", func(o *check.Observation) { o.Events[stopped].Subject = "jobs.events.completed.stopped" }},
		{"subject of another stream", func(o *check.Observation) { o.Events[stopped].Subject = "jobs.wait.canceled.stopped" }},
		{"specversion", edit(stopped, `"1.0"`, `"0.3"`)},
		{"id", edit(stopped, `"id":"stopped"`, `"id":"other"`)},
		{"source", edit(stopped, `"/jobferry"`, `"/other"`)},
		{"type", edit(stopped, `.canceled.v1`, `.canceled.v2`)},
		{"subject", edit(stopped, `"subject":"stopped"`, `"subject":"other"`)},
		{"time", edit(stopped, `"time":`, `"thyme":`)},
		{"datacontenttype", edit(stopped, `"application/json"`, `"text/plain"`)},
		{"jobID", edit(stopped, `"jobID":"stopped"`, `"jobID":"other"`)},
		{"no settledAt", edit(stopped, `"settledAt"`, `"settled"`)},
		{"no submittedAt", edit(stopped, `"submittedAt"`, `"submitted"`)},
		{"settled before submitted", edit(stopped, `"submittedAt":"2026`, `"submittedAt":"2027`)},
		{"failed without a reason", edit(broken, `"reason"`, `"cause"`)},
		{"completed with a reason", edit(away, `"jobID":"away"`, `"jobID":"away","reason":"job_failed"`)},
		{"canceled with objects", edit(stopped, `"jobID":"stopped"`, `"jobID":"stopped","objects":[{"key":"pdf/result.pdf"}]`)},
		{"completed without a poll", edit(away, `"polls":2`, `"polls":0`)},
	}
}

// known makes a job of the workload of it, and one that needs no event of the
// one whose event now names it.
func known(o *check.Observation, id string) {
	o.Expected[id] = o.Expected["stopped"]
	o.Acknowledged["stopped"] = 0
}

func leaks() []planting {
	log := func(line string) func(*check.Observation) {
		return func(o *check.Observation) { o.Texts[0] = text("worker-0.log", "fine\n"+line+"\n") }
	}
	return []planting{
		{"a secret in a log", log("key " + secret)},
		{"a secret as JSON writes it", log(`{"key":"s3cr3t\u002fwith\u002bsigns=\"x\""}`)},
		{"a secret in a URL", log("?key=s3cr3t%2Fwith%2Bsigns%3D%22x%22")},
		{"a secret in base64", log("Basic czNjcjN0L3dpdGgrc2lnbnM9Ingi")},
		{"a signature in a log", log("GET http://files/a?X-Amz-Date=1&X-Amz-Signature=abcdef")},
		{"a signature as JSON writes it", log(`{"url":"http://files/a?X-Amz-Date=1\u0026X-Amz-Signatur\u0065\u003dabcdef"}`)},
		{"a credential, escaped", log("x-amz-credential%3DAKIA")},
		{"a bearer token", log("Authorization: Bearer abcdefgh1234")},
		{"a token of the simulator", log("sim_ABCDEFGHIJKLMNOPQRSTUVWXYZ")},
		{"after a line of JSON", log(`{"msg":"` + strings.Repeat("long ", 40) + `"}` + "\nkey " + secret)},
		{"a pattern of one's own", func(o *check.Observation) { o.Patterns = []string{"job sett[l]ed"} }},
		{"in an event's data", edit(broken, `"jobID":"broken"`, `"jobID":"broken","error":{"title":"http:\/\/files\/a?X-Amz-Signature=abcdef"}`)},
		{"in an event's header", func(o *check.Observation) {
			o.Events[pdf].Header = map[string][]string{"Content-Type": {"application/cloudevents+json"}, "X": {secret}}
		}},
		{"in the last line, without an end", func(o *check.Observation) { o.Texts = append(o.Texts, text("metrics", "a 1\nb{x=\""+secret+"\"} 1")) }},
	}
}

func TestEveryPlantedViolationIsFoundAsWhatItIs(t *testing.T) {
	t.Parallel()
	planted := plantings()
	for _, kind := range check.Kinds() {
		require.NotEmpty(t, planted[kind], "no planting of %q", kind)
	}
	require.Len(t, check.Kinds(), len(planted), "a planting of a kind that Kinds does not list")
	for kind, flaws := range planted {
		for _, flaw := range flaws {
			t.Run(string(kind)+"/"+flaw.about, func(t *testing.T) {
				t.Parallel()
				o := clean(t)
				flaw.plant(&o)
				report := check.Run(o)
				require.NotEmpty(t, report.Violations)
				require.False(t, report.OK())
				for _, v := range report.Violations {
					require.Equal(t, kind, v.Kind, v.Detail)
					require.NotEmpty(t, v.Detail)
				}
			})
		}
	}
}

func TestDetailsNeverRepeatASecret(t *testing.T) {
	t.Parallel()
	for _, flaw := range leaks() {
		o := clean(t)
		flaw.plant(&o)
		requireNoSecret(t, check.Run(o))
	}
	o := clean(t)
	edit(broken, `"job_failed"`, `"job_failed s3cr3t\/with+signs=\"x\" ?X-Amz-Signature=abcdef&a"`)(&o)
	o.Orphans = []string{"pdf/" + secret, "pdf/Bearer abcdefgh1234"}
	edit(stopped, `"/jobferry"`, `"s3cr3t\/with+signs=\"x\""`)(&o)
	report := check.Run(o)
	require.Len(t, report.Violations, 7, "a reason, two orphans, a source, and three leaks in events")
	requireNoSecret(t, report)
}

func TestObjectsOfAJobThatIsCalledFailedAreUnasked(t *testing.T) {
	t.Parallel()
	o := clean(t)
	o.Events[pdf].Subject = "jobs.events.failed.pdf"
	o.Events[pdf].Data = []byte(strings.ReplaceAll(string(o.Events[broken].Data), `"broken"`, `"pdf"`))
	report := check.Run(o)
	require.Len(t, report.Violations, 2)
	require.Equal(t, check.WrongOutcome, report.Violations[0].Kind)
	require.Equal(t, "pdf", report.Violations[0].JobID)
	require.Equal(t, check.ObjectUnasked, report.Violations[1].Kind)
}

func TestASecretIsCoveredWholeWhereAShorterOneIsItsBeginning(t *testing.T) {
	t.Parallel()
	o := clean(t)
	o.Secrets = []string{"opensesame", "opensesame-twice"}
	o.Orphans = []string{"opensesame-twice"}
	require.NotContains(t, check.Run(o).Violations[0].Detail, "twice")
}

func requireNoSecret(t *testing.T, report check.Report) {
	t.Helper()
	for _, v := range report.Violations {
		for _, hidden := range []string{"s3cr3t", "abcdef", "AKIA", "ABCDEFGH", "czNj"} {
			require.NotContains(t, v.JobID+v.Detail, hidden)
		}
	}
}

func TestALeakIsToldWithItsPlaceAndHowOften(t *testing.T) {
	t.Parallel()
	o := clean(t)
	o.Texts = []check.Text{text("worker-2.log", "fine\nkey "+secret+"\nfine\nkey "+secret+"\n")}
	report := check.Run(o)
	require.Len(t, report.Violations, 1)
	require.Equal(t, "a secret in worker-2.log, in 2 lines, first in line 2", report.Violations[0].Detail)
}
