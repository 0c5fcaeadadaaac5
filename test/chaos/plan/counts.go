package plan

import "github.com/jobferry/jobferry/internal/simulator"

// lastBytes is how many a truncated download lacks at most.
const lastBytes = 9

// ExpectedFaults counts what has to go wrong with a workload before all its jobs can
// be completed: each fault of a file comes before its last byte does.
func ExpectedFaults(workload []Submission) map[Kind]int {
	counts := map[Kind]int{}
	for _, s := range workload {
		counts[DuplicateSubmission] += len(s.At) - 1
		for _, f := range s.Job.Files {
			addDownloads(counts, f, simulator.FileRecord{
				Expired: f.Faults.Expired, Unavailable: f.Faults.Unavailable, Cuts: len(f.Faults.CutAt), Stalls: len(f.Faults.StallAt),
			})
		}
	}
	return counts
}

// ObservedFaults counts what has gone wrong: by the simulator's record, and by the
// submissions that were acknowledged.
func ObservedFaults(workload []Submission, record simulator.Record, acknowledged map[string]int) map[Kind]int {
	counts := map[Kind]int{}
	for _, s := range workload {
		counts[DuplicateSubmission] += max(acknowledged[s.Job.ID]-1, 0)
		for i, f := range s.Job.Files {
			addDownloads(counts, f, record.Jobs[s.Job.ID].Files[i])
		}
	}
	return counts
}

func addDownloads(counts map[Kind]int, f simulator.File, of simulator.FileRecord) {
	counts[URLExpired] += of.Expired
	counts[DownloadRefused] += of.Unavailable
	counts[DownloadStalled] += of.Stalls
	if truncates(f) {
		counts[DownloadTruncated] += of.Cuts
	} else {
		counts[DownloadCut] += of.Cuts
	}
}

func truncates(f simulator.File) bool {
	cuts := f.Faults.CutAt
	return len(cuts) == 1 && cuts[0] >= f.Size-lastBytes
}
