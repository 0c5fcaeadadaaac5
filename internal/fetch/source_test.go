package fetch

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/job/sourcetest"
	"github.com/jobferry/jobferry/internal/secret"
	"github.com/stretchr/testify/require"
)

// Every source that the package hands out keeps to the contract: payloads that
// fit into the window and payloads that are streamed, of each form, and
// downloads of known and of unknown length.
func TestSourcesKeepToTheirContract(t *testing.T) {
	t.Parallel()
	small, large := "a few bytes", strings.Repeat("0123456789", 7_000)
	for name, content := range map[string]string{"small": small, "large": large} {
		server := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			switch {
			case strings.HasSuffix(r.URL.Path, "/text"):
				_, _ = w.Write([]byte(`{"jobID":"text","status": "completed", "result": "` + content + `"}`))
			case strings.HasSuffix(r.URL.Path, "/json"):
				_, _ = w.Write([]byte(`{"jobID": "json", "result": {"x": "` + content + `"}, "status": "completed"}`))
			case strings.HasSuffix(r.URL.Path, "/chunked"):
				w.Header().Set("Content-Type", "text/csv")
				_, _ = w.Write([]byte(content[:1]))
				w.(http.Flusher).Flush()
				_, _ = w.Write([]byte(content[1:]))
			default:
				w.Header().Set("Content-Type", "application/pdf")
				http.ServeContent(w, r, "", time.Unix(1700000000, 0), strings.NewReader(content))
			}
		})
		client := newClient(t, server.URL, func(c *Config) { c.ResultHosts = []string{"127.0.0.1"} })
		payload := func(id job.ID) func(*testing.T) job.Source {
			return func(t *testing.T) job.Source {
				answer, err := client.Poll(t.Context(), id)
				require.NoError(t, err)
				return answer.Payload
			}
		}
		download := func(path string) func(*testing.T) job.Source {
			return func(t *testing.T) job.Source {
				source, err := client.Download(job.Job{ID: "x"}, []job.File{{URL: secret.New(server.URL + path)}}).Open(t.Context(), 0)
				require.NoError(t, err)
				return source
			}
		}
		for form, open := range map[string]func(*testing.T) job.Source{
			"text": payload("text"), "binary": payload("binary"),
			"download": download("/file.pdf"), "chunked download": download("/chunked"),
		} {
			t.Run(name+" "+form, func(t *testing.T) {
				t.Parallel()
				sourcetest.Run(t, []byte(content), open)
			})
		}
		t.Run(name+" json", func(t *testing.T) {
			t.Parallel()
			sourcetest.Run(t, []byte(`{"x": "`+content+`"}`), payload("json"))
		})
	}
}
