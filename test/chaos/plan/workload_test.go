package plan_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/simulator"
	"github.com/jobferry/jobferry/test/chaos/plan"
)

func TestASeedGivesTheSameWorkloadAgain(t *testing.T) {
	t.Parallel()
	require.Equal(t, plan.Workload(small(7)), plan.Workload(small(7)))
	require.NotEqual(t, plan.Workload(small(7)), plan.Workload(small(8)))
}

func TestIDsAreUniqueAndEverySubmissionIsValid(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, time.November, 1, 12, 0, 0, 0, time.UTC)
	eachPlan(t, func(t *testing.T, o plan.Options) {
		workload := plan.Workload(o)
		require.Len(t, workload, o.Jobs)
		seen := map[string]bool{}
		for _, s := range workload {
			require.False(t, seen[s.Job.ID], s.Job.ID)
			seen[s.Job.ID] = true
			body, err := s.Body(now)
			require.NoError(t, err)
			read, err := job.ParseSubmission(body, now, job.Rules{Deadline: time.Hour})
			require.NoError(t, err, string(body))
			require.Equal(t, s.Job.ID, string(read.ID))
			require.Equal(t, s.Prefix, read.Prefix)
			require.Equal(t, s.Metadata, read.Metadata)
			if s.Deadline > 0 {
				require.Equal(t, now.Add(s.Deadline), read.Deadline)
			}
			require.Truef(t, s.Subject == "jobs.submit" || s.Subject == "jobs.submit."+s.Job.ID, s.Subject)
		}
	})
}

func TestEveryKindOfJobOccursInASmallRun(t *testing.T) {
	t.Parallel()
	eachPlan(t, func(t *testing.T, o plan.Options) {
		seen := map[string]bool{}
		for _, s := range plan.Workload(o) {
			for _, sign := range signs(s) {
				seen[sign] = true
			}
		}
		for _, sign := range []string{
			"file", "files", "text", "tables", "textBoxes", "PIIBoxes", "properties", "form", "json", "binary", "delivered",
			"BrokenDownloadURL", "ConversionFailed", "PDFIsPasswordProtected", "PageLimitReached",
			"canceled", "unknown", "endless", "small", "medium", "large", "large chunked", "at once", "some time",
			"cut", "expired", "unavailable", "no range", "no etag", "slow", "stalled", "truncated",
			"chunked cut", "chunked truncated", "chunked stalled", "chunked expired", "chunked unavailable", "large chunked cut",
			"plain", "prefix", "metadata", "duplicate", "with ID", "without ID",
		} {
			require.True(t, seen[sign], sign)
		}
	})
}

// signs are what a submission shows of itself.
func signs(s plan.Submission) []string {
	expected := s.Job.Expect()
	found := []string{string(expected.Kind), expected.Error.Type, string(s.Job.Outcome)}
	for sign, shown := range map[string]bool{
		"endless": s.Job.Duration == simulator.Forever, "at once": s.Job.Duration == 0, "some time": s.Job.Duration > 5*time.Second,
		"plain": s.Plain, "prefix": s.Prefix != "", "metadata": s.Metadata != nil, "duplicate": len(s.At) > 1,
		"with ID": s.WithID, "without ID": !s.WithID,
	} {
		if shown {
			found = append(found, sign)
		}
	}
	for _, f := range s.Job.Files {
		found = append(found, fileSigns(f)...)
	}
	return found
}

func fileSigns(f simulator.File) []string {
	var found []string
	faults := f.Faults
	cut := len(faults.CutAt) > 0
	truncated := len(faults.CutAt) == 1 && faults.CutAt[0] > f.Size-10
	for sign, shown := range map[string]bool{
		"chunked cut": f.Chunked && cut && !truncated, "chunked truncated": f.Chunked && truncated, "chunked stalled": f.Chunked && len(faults.StallAt) > 0,
		"chunked expired": f.Chunked && faults.Expired > 0, "chunked unavailable": f.Chunked && faults.Unavailable > 0,
		"large chunked cut": f.Size > 16<<20 && f.Chunked && cut,
		"small":             f.Size <= 200<<10, "medium": f.Size >= 1<<20 && f.Size <= 8<<20, "large": f.Size > 16<<20 && !f.Chunked,
		"large chunked": f.Size > 16<<20 && f.Chunked,
		"cut":           cut, "truncated": truncated, "expired": faults.Expired > 0,
		"unavailable": faults.Unavailable > 0, "no range": faults.NoRange, "no etag": faults.NoETag, "slow": faults.Rate > 0, "stalled": len(faults.StallAt) > 0,
	} {
		if shown {
			found = append(found, sign)
		}
	}
	return found
}

func TestJobsThatOnlyADeadlineEndsHaveOneAndNoOthersDo(t *testing.T) {
	t.Parallel()
	eachPlan(t, func(t *testing.T, o plan.Options) {
		for _, s := range plan.Workload(o) {
			endless := s.Job.Outcome == simulator.Unknown || s.Job.Duration == simulator.Forever
			require.Equal(t, endless, s.Deadline > 0, s.Job.ID)
			require.LessOrEqual(t, s.Deadline, 15*time.Second)
			require.False(t, s.Plain && endless, s.Job.ID)
		}
	})
}

func TestPublishesAreSpreadOverTheRunAndDuplicatesComeBeyondTheWindow(t *testing.T) {
	t.Parallel()
	within, beyond, last := 0, 0, time.Duration(0)
	moments := map[time.Duration]int{}
	o := large(3)
	for _, s := range plan.Workload(o) {
		require.True(t, slices.IsSorted(s.At))
		require.GreaterOrEqual(t, s.At[0], last)
		last = s.At[0]
		moments[s.At[0]]++
		require.LessOrEqual(t, s.At[len(s.At)-1], o.Over())
		for _, at := range s.At[1:] {
			if at-s.At[0] > 2*time.Minute {
				beyond++
			} else {
				within++
			}
		}
	}
	require.Greater(t, last, o.Over()*8/10)
	require.Greater(t, len(moments), o.Jobs/2)
	require.GreaterOrEqual(t, slices.Max(slices.Collect(maps.Values(moments))), 25, "a crowd")
	require.Positive(t, within)
	require.Positive(t, beyond)
}

func TestAnOffsetOfAFaultIsWithinItsFile(t *testing.T) {
	t.Parallel()
	eachPlan(t, func(t *testing.T, o plan.Options) {
		for _, s := range plan.Workload(o) {
			for _, f := range s.Job.Files {
				for _, at := range append(slices.Clone(f.Faults.CutAt), f.Faults.StallAt...) {
					require.True(t, 0 < at && at < f.Size, "%s: %d of %d", s.Job.ID, at, f.Size)
				}
			}
		}
	})
}

func TestKeysAreAsManyAsTheExpectedObjectsAndFollowTheTable(t *testing.T) {
	t.Parallel()
	eachPlan(t, func(t *testing.T, o plan.Options) {
		seen := map[string]bool{}
		for _, s := range plan.Workload(o) {
			require.Len(t, s.Keys(), len(s.Job.Expect().Objects), s.Job.ID)
			for _, key := range s.Keys() {
				require.False(t, seen[key], key)
				seen[key] = true
				require.True(t, strings.HasPrefix(key, s.Prefix+s.Job.ID+"/result"), key)
			}
		}
	})
}

func TestKeysOfEachKind(t *testing.T) {
	t.Parallel()
	pdf, drawing := simulator.File{ContentType: "application/pdf"}, simulator.File{Name: "drawing.dwf"}
	for _, c := range []struct {
		job  simulator.Job
		want []string
	}{
		{simulator.Job{Kind: job.KindFile, Files: []simulator.File{pdf}}, []string{"p/j/result.pdf"}},
		{simulator.Job{Kind: job.KindFiles, Files: []simulator.File{pdf, drawing}}, []string{"p/j/result-001.pdf", "p/j/result-002.dwf"}},
		{simulator.Job{Kind: job.KindText}, []string{"p/j/result.txt"}},
		{simulator.Job{Kind: job.KindForm}, []string{"p/j/result.json"}},
		{simulator.Job{Kind: job.KindDelivered, Files: []simulator.File{pdf}}, nil},
		{simulator.Job{Kind: job.KindFile, Files: []simulator.File{pdf}, Duration: simulator.Forever}, nil},
		{simulator.Job{Outcome: simulator.Failed}, nil},
	} {
		c.job.ID = "j"
		require.Equal(t, c.want, plan.Submission{Job: c.job, Prefix: "p/"}.Keys())
	}
}

func TestExtraIsWhatFaultsMakeNecessary(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		faults    simulator.Faults
		chunked   bool
		downloads int
		bytes     int64
	}{
		{simulator.Faults{}, false, 0, 0},
		{simulator.Faults{CutAt: []int64{10, 20}, StallAt: []int64{30}}, false, 3, 0},
		{simulator.Faults{CutAt: []int64{10, 20}, NoRange: true}, false, 2, 30},
		{simulator.Faults{CutAt: []int64{10}, NoETag: true}, false, 1, 10},
		{simulator.Faults{CutAt: []int64{10}}, true, 1, 10},
		{simulator.Faults{Expired: 2, Unavailable: 1}, false, 3, 3 * 512},
	} {
		downloads, bytes := plan.Extra(simulator.File{Faults: c.faults, Chunked: c.chunked})
		require.Equal(t, c.downloads, downloads, c)
		require.Equal(t, c.bytes, bytes, c)
	}
}

func TestAPlainSubmissionIsTheIDAlone(t *testing.T) {
	t.Parallel()
	plain, err := plan.Submission{Job: simulator.Job{ID: "j"}, Plain: true}.Body(time.Time{})
	require.NoError(t, err)
	require.Equal(t, "j\n", string(plain))
	object, err := plan.Submission{Job: simulator.Job{ID: "j"}}.Body(time.Time{})
	require.NoError(t, err)
	require.True(t, json.Valid(object))
}
