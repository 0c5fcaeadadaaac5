package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/jobferry/jobferry/internal/simulator"
	"github.com/jobferry/jobferry/test/chaos/check"
	"github.com/jobferry/jobferry/test/chaos/plan"
	"github.com/jobferry/jobferry/test/chaos/world"
)

// observe puts what was to be beside what was seen, in the checker's words.
func observe(ctx context.Context, workload []plan.Submission, faults []plan.Fault, e world.Evidence) (check.Observation, error) {
	o := check.Observation{
		Bucket: world.Bucket, Acknowledged: e.Acknowledged, LastEvent: e.LastEvent, Orphans: e.Orphans, Left: e.Left,
		Authorizations: e.Record.LeakedAuthorization, Secrets: e.Secrets, Texts: texts(e.Files),
		Backoff: check.Backoff{
			Initial: world.BackoffInitial, Max: world.BackoffMax, Multiplier: world.BackoffMultiplier, Jitter: world.BackoffJitter,
		},
		WorkerKills: e.Done[plan.WorkerKill], NodeKills: e.Done[plan.NodeKill] + e.Done[plan.LeaderKill], Took: e.Took,
		Faults: map[string]int{}, Planned: map[string]int{}, Work: map[string]check.Work{},
	}
	countFaults(&o, workload, faults, e)
	see(&o, e)
	for _, s := range workload {
		o.Work[s.Job.ID] = work(s, e.Record.Jobs[s.Job.ID])
	}
	var err error
	o.Expected, err = expectations(ctx, workload)
	return o, err
}

// countFaults puts what was inflicted, by the run or by the workload itself,
// beside what had to be.
func countFaults(o *check.Observation, workload []plan.Submission, faults []plan.Fault, e world.Evidence) {
	planned, met := plan.ExpectedFaults(workload), plan.ObservedFaults(workload, e.Record, e.Acknowledged)
	for _, f := range faults {
		planned[f.Kind]++
	}
	maps.Copy(met, e.Done)
	for _, kind := range append(plan.Kinds(), plan.WorkloadKinds()...) {
		o.Faults[string(kind)], o.Planned[string(kind)] = met[kind], planned[kind]
	}
}

// see copies what was seen.
func see(o *check.Observation, e world.Evidence) {
	for _, end := range e.Ends {
		o.Ends = append(o.Ends, check.End(end))
	}
	for _, event := range e.Events {
		o.Events = append(o.Events, check.Event{Sequence: event.Sequence, Subject: event.Subject, Header: event.Header, Data: event.Data})
	}
	for _, object := range e.Objects {
		o.Objects = append(o.Objects, check.Object{
			Key: object.Key, Size: object.Size, SHA256: object.SHA256, CRC64NVME: object.Checksum,
			ContentType: object.ContentType, ETag: object.ETag, Metadata: object.Metadata,
		})
	}
	for _, seen := range e.Sightings {
		o.Sightings = append(o.Sightings, check.Sighting{Key: seen.Key, Size: seen.Size, CRC64NVME: seen.Checksum, At: seen.At})
	}
}

// expectations computes what each job has to leave. The contents are hashed
// as they are generated, as many at once as there are processors.
func expectations(ctx context.Context, workload []plan.Submission) (map[string]check.Expectation, error) {
	all := make([]check.Expectation, len(workload))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, s := range workload {
		group.Go(func() error {
			var err error
			all[i], err = expectation(s)
			return errors.Join(err, context.Cause(ctx))
		})
	}
	err := group.Wait()
	expected := make(map[string]check.Expectation, len(workload))
	for i, s := range workload {
		expected[s.Job.ID] = all[i]
	}
	return expected, err
}

func expectation(s plan.Submission) (check.Expectation, error) {
	want, keys := s.Job.Expect(), s.Keys()
	expected := check.Expectation{Outcome: string(want.Outcome), Kind: string(want.Kind), Metadata: s.Metadata}
	if want.Reason != "" {
		expected.Reasons = []string{string(want.Reason)}
	}
	if len(keys) != len(want.Objects) {
		return expected, fmt.Errorf("job %s has %d keys for %d objects", s.Job.ID, len(keys), len(want.Objects))
	}
	for i, object := range want.Objects {
		hash := sha256.New()
		checksum, err := check.CRC64NVME(io.TeeReader(simulator.Open(object.Content), hash))
		if err != nil {
			return expected, fmt.Errorf("hash what job %s has to leave: %w", s.Job.ID, err)
		}
		expected.Objects = append(expected.Objects, check.ExpectedObject{
			Key: keys[i], Size: object.Content.Size(), SHA256: hex.EncodeToString(hash.Sum(nil)), CRC64NVME: checksum,
			ContentType: object.ContentType,
		})
	}
	return expected, nil
}

// work is what was done for a job, and what had to be.
func work(s plan.Submission, record simulator.JobRecord) check.Work {
	w := check.Work{Duration: s.Job.Duration, LeastPolls: s.Job.Polls}
	if s.Deadline > 0 {
		w.Duration = min(w.Duration, s.Deadline)
	}
	for _, poll := range record.Polls {
		w.Polls = append(w.Polls, poll.At)
	}
	for i, f := range s.Job.Files {
		asked := record.Files[i]
		downloads, bytes := plan.Extra(f)
		w.ExtraPolls += max(f.Faults.Expired, 0)
		w.Files = append(w.Files, check.FileWork{
			Size: f.Size, Downloads: asked.Downloads, Bytes: asked.Bytes, ExtraDownloads: downloads, ExtraBytes: bytes,
		})
	}
	return w
}

func texts(files []string) []check.Text {
	var all []check.Text
	for _, file := range files {
		all = append(all, check.Text{
			Name: filepath.Base(file), Open: func() (io.ReadCloser, error) { return os.Open(file) },
		})
	}
	return all
}
