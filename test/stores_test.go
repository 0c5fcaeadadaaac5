//go:build stores

package test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/minio/crc64nvme"
	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/simulator"
)

// foreignStore is a store of other people, and what is known of it. See
// docs/STORES.md.
type foreignStore struct {
	module  string // of test/stores, "." for itself
	program string // the package of its program
	args    func(addr, dir string) []string
	env     []string
	mode    string // that is found out
	tags    bool   // it keeps tags
	uploads bool   // it lists the uploads that are under way
	headers bool   // it keeps Cache-Control and the like
	// otherETag says that an object in parts has another ETag later than the store
	// answered with when it was completed.
	otherETag bool
}

func foreignStores() map[string]foreignStore {
	return map[string]foreignStore{
		"minio": {
			module: ".", program: "github.com/minio/minio", mode: "trailer", tags: true, uploads: true, headers: true,
			args: func(addr, dir string) []string { return []string{"server", "--quiet", "--address", addr, dir} },
			env:  []string{"MINIO_ROOT_USER=" + accessKey, "MINIO_ROOT_PASSWORD=" + secretKey, "MINIO_BROWSER=off"},
		},
		"rclone": {
			module: ".", program: "./rclone", mode: "md5", uploads: true, headers: true,
			args: func(addr, dir string) []string {
				return []string{"serve", "s3", "--addr", addr, "--auth-key", accessKey + "," + secretKey, dir}
			},
		},
		"gofakes3": {
			module: ".", program: "github.com/johannesboyne/gofakes3/cmd/gofakes3", mode: "md5", uploads: true, otherETag: true,
			args: func(addr, _ string) []string { return []string{"-backend", "memory", "-host", addr} },
		},
		"weed": {
			module: "seaweedfs", program: "github.com/seaweedfs/seaweedfs/weed", mode: "trailer", tags: true, uploads: true, headers: true,
			args: weedArgs,
			env:  []string{"AWS_ACCESS_KEY_ID=" + accessKey, "AWS_SECRET_ACCESS_KEY=" + secretKey},
		},
	}
}

// weedArgs are for one process that is all of SeaweedFS.
func weedArgs(addr, dir string) []string {
	_, port, _ := net.SplitHostPort(addr)
	args := []string{"server", "-dir=" + dir, "-ip=127.0.0.1", "-s3", "-s3.port=" + port, "-master.volumeSizeLimitMB=64", "-volume.max=50"}
	for _, flag := range []string{"master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc", "s3.port.grpc", "s3.port.iceberg"} {
		_, port, _ := net.SplitHostPort(freeAddr())
		args = append(args, "-"+flag+"="+port)
	}
	return args
}

// freeAddr is an address that nobody listens on at the moment.
func freeAddr() string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// TestStores runs the worker on stores of other people, each as it is built from
// the module proxy. It takes minutes to build them, so it has a tag of its own.
func TestStores(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	for name, store := range foreignStores() {
		build := exec.CommandContext(t.Context(), "go", "build", "-C", filepath.Join(root, "test/stores", store.module), "-o", filepath.Join(bin, name), store.program)
		out, err := build.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	for name, store := range foreignStores() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.moveTo(store.start(t, filepath.Join(bin, name)))
			w.storeIs(store)
			w.storesEverything(store)
			w.takesWhatIsSet(store)
		})
	}
}

// start runs the store until the test ends, and returns its URL.
func (s foreignStore) start(t *testing.T, binary string) string {
	t.Helper()
	dir, addr := t.TempDir(), freeAddr()
	p := &process{t: t, cmd: exec.Command(binary, s.args(addr, dir)...), out: &output{}, exit: make(chan struct{})}
	p.cmd.Dir = dir
	p.cmd.Env = append([]string{"HOME=" + dir, "PATH=" + os.Getenv("PATH")}, s.env...)
	p.run()
	return "http://" + addr
}

// moveTo has the world use another store, as soon as that takes a bucket.
func (w *world) moveTo(url string) {
	w.t.Helper()
	w.s3 = newS3Client(url)
	w.env["AWS_ENDPOINT_URL_S3"] = url
	w.env["S3_PATH_STYLE"] = "false" // found out
	w.eventually("the store takes no bucket", func() bool {
		_, err := w.s3.CreateBucket(w.t.Context(), &awss3.CreateBucketInput{Bucket: &w.bucket})
		return err == nil || strings.Contains(err.Error(), "BucketAlready")
	})
}

// storeIs runs `worker check`, which leaves nothing.
func (w *world) storeIs(store foreignStore) {
	w.t.Helper()
	out := w.must("check")
	require.Contains(w.t, out, store.mode+": the store checks what it is sent")
	require.Empty(w.t, w.objects())
	w.noForeignUploads(store)
}

func (w *world) noForeignUploads(store foreignStore) {
	w.t.Helper()
	if store.uploads {
		w.noUploads()
	}
}

// storesEverything has a worker killed in the middle of a transfer, and another one
// store results of every kind and size, known and unknown, broken and resumed.
func (w *world) storesEverything(store foreignStore) {
	w.t.Helper()
	env := map[string]string{"S3_CACHE_CONTROL": "no-store", "S3_CONTENT_DISPOSITION": "attachment"}
	if store.tags {
		env["S3_TAGS"] = "team=docs%20and%20more"
	}
	killed := w.start(env)
	interrupted := simulator.Job{ID: "interrupted", Files: []simulator.File{
		{Size: 20 << 20, Chunked: true, OmitSize: true, Faults: simulator.Faults{StallAt: []int64{13 << 20}}},
	}}
	w.add(interrupted)
	w.eventually("the transfer does not begin", func() bool { return w.api.Record().Jobs["interrupted"].Files[0].Stalls > 0 })
	killed.signal(syscall.SIGKILL)
	require.Empty(w.t, w.objects(), "nothing appears before it is whole")

	p := w.start(env)
	jobs := append(filesOfEverySize(w.t), payloadsOfEveryKind()...)
	w.add(jobs...)
	w.api.Add(simulator.Job{ID: "tagged"})
	w.submit(`{"jobID": "tagged", "metadata": {"customer": "Zoë"}` + tagsOf(store) + `}`)
	for _, j := range append(jobs, simulator.Job{ID: "tagged"}, interrupted) {
		w.checkStored(j, store)
	}
	w.checkHeaders(store)
	w.eventually("messages are left behind", func() bool { return w.count("JOBS")+w.count("JOBS_WAIT") == 0 })
	w.noForeignUploads(store)
	for _, key := range w.objects() {
		require.Contains(w.t, key, "/", "only objects of jobs")
		require.NotContains(w.t, key, "jobferry-checksum")
	}
	require.Contains(w.t, p.out.String(), `"checksum":"`+store.mode+`"`)
	status, metrics := get(w.t, p.url()+"/metrics")
	require.Equal(w.t, 200, status)
	require.Contains(w.t, metrics, fmt.Sprintf("jobferry_store_checksum{bucket=%q,checksum=%q} 1", w.bucket, store.mode))
	w.nothingSecretIn(p)
}

// takesWhatIsSet has a worker with each way that can be set. One that the store does
// not know stores nothing, and says so.
func (w *world) takesWhatIsSet(store foreignStore) {
	w.t.Helper()
	before := len(w.objects())
	for _, mode := range []string{"trailer", "md5"} {
		status, stdout, stderr := w.run("", "check", "--s3-checksum", mode)
		if mode == "trailer" && store.mode != "trailer" {
			require.Equal(w.t, 1, status)
			require.Contains(w.t, stdout, "S3_CHECKSUM is trailer, which the store does not know; set it to auto")
		} else {
			require.Zero(w.t, status, "%s%s", stdout, stderr)
			require.Contains(w.t, stdout, mode+": the store checks what it is sent")
		}
		require.Len(w.t, w.objects(), before)
	}
	w.start(map[string]string{"S3_CHECKSUM": "md5", "S3_PREFIX": "md5/"}).ready()
	for _, j := range filesOfEverySize(w.t) {
		if j.Files[0].Size <= 5<<20+1 {
			j.ID = "md5-" + j.ID
			w.add(j)
			w.checkStored(j, store)
		}
	}
}

// tagsOf are those of a submission, where the store keeps tags.
func tagsOf(store foreignStore) string {
	if store.tags {
		return `, "tags": {"order": "a/1 = b"}`
	}
	return ""
}

func filesOfEverySize(t *testing.T) []simulator.Job {
	var jobs []simulator.Job
	for _, size := range []int64{0, 1, 100 << 10, 1 << 20, 5 << 20, 5<<20 + 1, 20 << 20, 64 << 20} {
		for _, chunked := range []bool{false, true} {
			file := simulator.File{Size: size, Empty: size == 0, Chunked: chunked, OmitSize: chunked, ContentType: "application/pdf"}
			if size > 1<<20 {
				file.Faults.CutAt = []int64{1, size / 2, size - 1}
			}
			jobs = append(jobs, simulator.Job{ID: fmt.Sprintf("file-%d-%v", size, chunked), Files: []simulator.File{file}})
		}
	}
	return append(jobs, simulator.Job{ID: "several", Kind: job.KindFiles, Files: []simulator.File{
		simulator.PDFFile(1), simulator.PNGFile(), {Content: gzipped(t, []byte("a,b")), ContentType: "text/csv", ContentEncoding: "gzip"},
	}})
}

func payloadsOfEveryKind() []simulator.Job {
	jobs := []simulator.Job{{ID: "binary", Kind: job.KindBinary, Files: []simulator.File{simulator.PNGFile()}}}
	for _, kind := range []job.Kind{
		job.KindText, job.KindTables, job.KindTextBoxes, job.KindPIIBoxes, job.KindProperties, job.KindForm, job.KindJSON,
	} {
		jobs = append(jobs, simulator.Job{ID: "small-" + string(kind), Kind: kind})
	}
	return append(jobs, simulator.Job{ID: "large", Kind: job.KindTextBoxes, PayloadSize: 24 << 20})
}

// checkStored compares a job's objects byte by byte. Their checksums are those of the
// event; a store need not have kept them.
func (w *world) checkStored(j simulator.Job, store foreignStore) {
	w.t.Helper()
	event, want := w.event(j.ID), j.Expect()
	require.Equal(w.t, job.OutcomeCompleted, event.Data.Status, "%s: %+v", j.ID, event)
	require.Equal(w.t, want.Kind, event.Data.Kind, j.ID)
	require.Len(w.t, event.Data.Objects, len(want.Objects), j.ID)
	for i, have := range event.Data.Objects {
		stored, err := w.s3.GetObject(w.t.Context(), &awss3.GetObjectInput{Bucket: &have.Bucket, Key: &have.Key})
		require.NoError(w.t, err, have.Key)
		sum := crc64nvme.New()
		require.True(w.t, sameBytes(w.t, simulator.Open(want.Objects[i].Content), io.TeeReader(stored.Body, sum)), "%s: other bytes", have.Key)
		require.NoError(w.t, stored.Body.Close())
		require.Equal(w.t, base64.StdEncoding.EncodeToString(sum.Sum(nil)), have.Checksum, have.Key)
		require.Equal(w.t, want.Objects[i].Content.Size(), have.Size, have.Key)
		require.Equal(w.t, want.Objects[i].ContentType, *stored.ContentType, have.Key)
		require.Equal(w.t, want.Objects[i].ContentEncoding, aws.ToString(stored.ContentEncoding), have.Key)
		if !store.otherETag || have.Size < 5<<20 {
			require.Equal(w.t, have.ETag, strings.Trim(*stored.ETag, `"`), have.Key)
		}
		require.Equal(w.t, j.ID, stored.Metadata["job-id"], have.Key)
	}
}

// checkHeaders looks at what an object has beside its bytes.
func (w *world) checkHeaders(store foreignStore) {
	w.t.Helper()
	key := "tagged/result.bin"
	stored, err := w.s3.HeadObject(w.t.Context(), &awss3.HeadObjectInput{Bucket: &w.bucket, Key: &key})
	require.NoError(w.t, err)
	require.Equal(w.t, "=?UTF-8?b?Wm/Dqw==?=", stored.Metadata["customer"])
	if store.headers {
		require.Equal(w.t, "no-store", aws.ToString(stored.CacheControl))
		require.Equal(w.t, "attachment", aws.ToString(stored.ContentDisposition))
	}
	if !store.tags {
		return
	}
	tags, err := w.s3.GetObjectTagging(w.t.Context(), &awss3.GetObjectTaggingInput{Bucket: &w.bucket, Key: &key})
	require.NoError(w.t, err)
	found := map[string]string{}
	for _, tag := range tags.TagSet {
		found[*tag.Key] = *tag.Value
	}
	require.Equal(w.t, map[string]string{"team": "docs and more", "order": "a/1 = b"}, found)
}
