package test

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jobferry/jobferry/internal/simulator"
	"github.com/stretchr/testify/require"
)

// pressTab presses the tab key at the end of a command line in a bash that has
// sourced the script. What the package bash-completion would do for the script
// is done as far as these lines need it.
const pressTab = `
_get_comp_words_by_ref() { cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words=("${COMP_WORDS[@]}") cword=$COMP_CWORD; }
__ltrim_colon_completions() { :; }
source <(worker completion bash)
COMP_LINE=$1 COMP_POINT=${#1} COMP_TYPE=9 COMP_KEY=9
read -ra COMP_WORDS <<<"$COMP_LINE"
[[ $COMP_LINE == *' ' ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
complete -p worker >/dev/null || exit
__start_worker
printf '%s\n' "${COMPREPLY[@]}"
`

// bashOffers returns what bash makes of a command line.
func (w *world) bashOffers(line string) []string {
	w.t.Helper()
	bash, err := exec.LookPath("bash")
	require.NoError(w.t, err)
	cmd := w.command(bash, map[string]string{"PATH": filepath.Dir(plain) + ":/usr/bin:/bin"}, "-c", pressTab, "bash", line)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	require.NoError(w.t, err, errs.String())
	return strings.Fields(string(out))
}

func TestBashCompletesWhatTheWorkerOffers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(map[string]string{"WORKER_BACKOFF_INITIAL": "1h", "WORKER_BACKOFF_MAX": "1h"}).ready()
	w.add(simulator.Job{ID: "job-1", Polls: 1}, simulator.Job{ID: "broken", Outcome: simulator.Failed})
	w.event("broken")
	w.waiting(1)
	require.Equal(t, []string{"replay"}, w.bashOffers("worker rep"))
	require.Equal(t, []string{"job-1"}, w.bashOffers("worker cancel j"))
	require.Empty(t, w.bashOffers("worker cancel job-1 "))
	require.Equal(t, []string{"broken"}, w.bashOffers("worker replay br"))
	require.Equal(t, []string{"job_failed,store_rejected", "job_failed,store_failed"}, w.bashOffers("worker replay --reason job_failed,st"))
}
