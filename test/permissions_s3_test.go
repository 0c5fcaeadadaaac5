package test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/simulator"
	"github.com/stretchr/testify/require"
)

// policy is an access policy as AWS writes it.
type policy struct {
	Version   string
	Statement []statement
}

type statement struct {
	Sid, Effect string
	Principal   map[string]string `json:",omitempty"`
	Action      []string
	Resource    string
}

// policyOf is what the project ships, for a bucket of the test, and as a policy
// of that bucket for its limited user. Some actions may be taken from it.
func policyOf(t *testing.T, bucket string, taken ...string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, "deployments", "permissions", "s3-worker.json"))
	require.NoError(t, err)
	var p policy
	require.NoError(t, json.Unmarshal(content, &p))
	for i := range p.Statement {
		s := &p.Statement[i]
		s.Principal = map[string]string{"AWS": limitedKey}
		s.Resource = strings.Replace(s.Resource, ":::results", ":::"+bucket, 1)
		s.Action = slices.DeleteFunc(s.Action, func(action string) bool { return slices.Contains(taken, action) })
	}
	document, err := json.Marshal(p)
	require.NoError(t, err)
	return string(document)
}

// limitedWorld is a world whose workers may do in its bucket what the shipped
// policy says, less what is taken.
func limitedWorld(t *testing.T, taken ...string) *world {
	t.Helper()
	w := newWorld(t)
	w.permit(taken...)
	w.env["AWS_ACCESS_KEY_ID"], w.env["AWS_SECRET_ACCESS_KEY"] = limitedKey, limitedSecret
	return w
}

func (w *world) permit(taken ...string) {
	w.t.Helper()
	document := policyOf(w.t, w.bucket, taken...)
	_, err := w.s3.PutBucketPolicy(w.t.Context(), &awss3.PutBucketPolicyInput{Bucket: &w.bucket, Policy: &document})
	require.NoError(w.t, err)
}

// retaken stores a job, takes its event away and submits it again with a
// timer that says that a worker was lost over it, as after a crash between the
// objects and the event. It returns how often the file was downloaded.
func (w *world) retaken(j simulator.Job) int {
	w.t.Helper()
	w.add(j)
	w.check(j)
	w.nothingLeft()
	events, err := w.js.Stream(w.t.Context(), "JOBS_EVENTS")
	require.NoError(w.t, err)
	require.NoError(w.t, events.Purge(w.t.Context()))
	due, err := job.Job{ID: job.ID(j.ID), SubmittedAt: time.Now(), Deadline: time.Now().Add(time.Hour), Attempt: 1, Lost: 1}.Encode()
	require.NoError(w.t, err)
	_, err = w.js.Publish(w.t.Context(), "jobs.due."+j.ID, due)
	require.NoError(w.t, err)
	w.check(j)
	return w.api.JobRecord(j.ID).Files[0].Downloads
}

// lostOver submits a job over which a worker was lost in the middle of a
// multipart upload. It has to come before the first worker.
func (w *world) lostOver(j simulator.Job) {
	w.t.Helper()
	status, _, stderr := w.run("", "setup")
	require.Zero(w.t, status, stderr)
	w.add(j)
	jobs, err := w.js.Consumer(w.t.Context(), "JOBS", "jobferry")
	require.NoError(w.t, err)
	msg, err := jobs.Next()
	require.NoError(w.t, err)
	key := j.ID + "/result.bin"
	_, err = w.s3.CreateMultipartUpload(w.t.Context(), &awss3.CreateMultipartUploadInput{Bucket: &w.bucket, Key: &key})
	require.NoError(w.t, err)
	require.NoError(w.t, msg.Nak())
}

// uploads counts the multipart uploads in the bucket.
func (w *world) uploads() int {
	w.t.Helper()
	list, err := w.s3.ListMultipartUploads(w.t.Context(), &awss3.ListMultipartUploadsInput{Bucket: &w.bucket})
	require.NoError(w.t, err)
	return len(list.Uploads)
}

// large is a job whose file takes several parts.
func large(id string) simulator.Job {
	return simulator.Job{ID: id, Files: []simulator.File{{Size: 20 << 20, Chunked: true}}}
}

func TestLeastPermissionsAtTheStoreAreEnough(t *testing.T) {
	t.Parallel()
	w := limitedWorld(t)
	w.lostOver(simulator.Job{ID: "left"})
	p := w.start(nil)
	p.ready()
	w.check(simulator.Job{ID: "left"})
	w.noUploads()
	w.add(simulator.Job{ID: "small"}, simulator.Job{ID: "text", Kind: job.KindText}, large("large"))
	w.check(simulator.Job{ID: "small"})
	w.check(simulator.Job{ID: "text", Kind: job.KindText})
	w.check(large("large"))
	w.nothingLeft()

	require.Equal(t, 1, w.retaken(large("again")), "what stands whole is not downloaded again")
	// The store comes back: the probe has to see it.
	w.permit("s3:PutObject", "s3:ListBucket")
	w.add(simulator.Job{ID: "waiting"})
	w.notReady(p)
	w.permit()
	w.check(simulator.Job{ID: "waiting"})
	p.ready()
	require.NotContains(t, p.out.String(), limitedSecret)
}

// notReady waits until the readiness blames the store.
func (w *world) notReady(p *process) {
	w.t.Helper()
	url := p.url()
	w.eventually("the readiness does not name the store", func() bool {
		status, body := get(w.t, url+"/readyz")
		return status == http.StatusServiceUnavailable && strings.Contains(body, "store: ")
	})
}

func TestEachPermissionAtTheStoreIsNeeded(t *testing.T) {
	t.Parallel()
	for action, missed := range map[string]func(*world){
		"s3:PutObject": func(w *world) {
			p := w.start(nil)
			p.ready()
			w.add(simulator.Job{ID: "stays"})
			w.notReady(p)
			require.Zero(w.t, w.count("JOBS_EVENTS"))
		},
		"s3:GetObject": func(w *world) {
			w.start(nil).ready()
			require.Equal(w.t, 2, w.retaken(large("again")), "what stands is not seen")
		},
		"s3:ListBucketMultipartUploads": (*world).leavesAnUpload,
		"s3:AbortMultipartUpload":       (*world).leavesAnUpload,
		"s3:ListBucket": func(w *world) {
			w.start(nil).ready() // by an upload that is aborted
			j := simulator.Job{ID: "stored"}
			w.add(j)
			w.check(j)
			require.Zero(w.t, w.uploads())
		},
	} {
		t.Run(action, func(t *testing.T) {
			t.Parallel()
			missed(limitedWorld(t, action))
		})
	}
}

// leavesAnUpload asserts that a worker stores a result and says that it could
// not clear away what the one before it has left.
func (w *world) leavesAnUpload() {
	w.t.Helper()
	w.lostOver(simulator.Job{ID: "left"})
	p := w.start(nil)
	w.check(simulator.Job{ID: "left"})
	require.Positive(w.t, w.uploads())
	require.Regexp(w.t, "uploads of (a lost worker may be|lost workers are) left", p.out.String())
}
