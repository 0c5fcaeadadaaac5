//go:build browser

package test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/jobferry/jobferry/internal/simulator"
	"github.com/stretchr/testify/require"
)

// TestPageWithoutAMouse: by keyboard, and as a screen reader is told of it.
func TestPageWithoutAMouse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start(patiently)
	p.ready()
	b := open(t, p.url())
	b.shows("state", "Live, by")
	w.add(simulator.Job{ID: "failed", Outcome: simulator.Failed}, simulator.Job{ID: "waits", Duration: simulator.Forever},
		simulator.Job{ID: "slow", Files: []simulator.File{{Size: 64 << 20, Faults: simulator.Faults{Rate: 1 << 20}}}})
	b.counts("failed", 1)
	b.counts("waiting", 1)
	b.rows("transfers", 1)
	for _, v := range views()[1:4] {
		b.look(v)
		b.tellsWhatItIs(v.name)
	}
	b.byKeyboard(w)
	b.keepsToItself(p.url())
}

// tellsWhatItIs wants landmarks, headings, tables with their headers, and a
// live region.
func (b *tab) tellsWhatItIs(view string) {
	b.t.Helper()
	tree := b.accessible()
	for _, node := range []string{
		"banner: ", "main: ", "heading: Jobferry", "status: ", "button: Pause",
		"heading: Jobs of all pods", "region: Jobs of all pods", "term: Submitted", "definition: ",
		"table: Being transferred", "columnheader: Progress", "rowheader: slow", "progressbar: Progress of slow result", "cell: ",
		"table: Last events", "columnheader: Outcome", "rowheader: failed",
		"table: Failures by reason", "columnheader: Reason", "rowheader: job_failed",
		"table: Waiting", "columnheader: Due in", "rowheader: waits",
		"table: Pods", "columnheader: State", "cell: ready",
	} {
		require.True(b.t, slices.ContainsFunc(tree, func(have string) bool { return strings.HasPrefix(have, node) }),
			"%s: %s is not in\n%s", view, node, strings.Join(tree, "\n"))
	}
}

// accessible is what the browser tells a screen reader: role and name of each
// node.
func (b *tab) accessible() []string {
	b.t.Helper()
	result, err := chromedp.Run(b.ctx, func(ctx context.Context, t *chromedp.Target) (accessibility.GetFullAXTreeResult, error) {
		return cdp.Call(ctx, t, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	})
	require.NoError(b.t, err)
	var tree []string
	for _, node := range result.Nodes {
		if !node.Ignored {
			tree = append(tree, said(b.t, node.Role)+": "+said(b.t, node.Name))
		}
	}
	return tree
}

func said(t *testing.T, value *accessibility.Value) string {
	t.Helper()
	var text string
	if value != nil && len(value.Value) > 0 {
		require.NoError(t, json.Unmarshal(value.Value, &text))
	}
	return text
}

// byKeyboard pauses the page and lets it go on.
func (b *tab) byKeyboard(w *world) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(kb.Tab))
	require.Equal(b.t, "pause", eval[string](b, "document.activeElement.id"), "the first place that Tab comes to")
	require.NotEqual(b.t, "none", eval[string](b, "getComputedStyle(document.activeElement).outlineStyle"), "it is seen where the focus is")
	b.do(chromedp.KeyEvent(" "))
	b.shows("state", "Paused")
	require.Contains(b.t, b.accessible(), "button: Go on")
	require.False(b.t, eval[bool](b, "document.activeElement.hasAttribute('aria-pressed')"), "its name says it: Go on is not pressed")
	w.add(simulator.Job{ID: "failed-too", Outcome: simulator.Failed})
	w.event("failed-too")
	b.counts("failed", 1)
	b.do(chromedp.KeyEvent(kb.Enter))
	b.shows("state", "Live, by")
	b.counts("failed", 2)
}
