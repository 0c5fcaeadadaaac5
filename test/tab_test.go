//go:build browser

package test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// tab is a page that is open in a headless Chromium of its own. What the
// browser complains of and what it asks for is written down.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu         sync.Mutex
	complaints []string
	requests   []string // their URLs
}

// open opens a page until the test ends.
func open(t *testing.T, url string) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(context.Background(), chromedp.WithErrorf(t.Logf))
	b := &tab{t: t, ctx: ctx}
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx)
		cancel()
	})
	require.NoError(t, chromedp.Do(ctx), "start the browser, which lives as long as this very context")
	require.NoError(t, chromedp.Listen(ctx, b.listen))
	b.do(chromedp.Navigate(url))
	return b
}

// do runs actions, none of which takes long.
func (b *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	require.NoError(b.t, chromedp.Do(ctx, actions...))
}

// listen is called by one goroutine of the browser's connection.
func (b *tab) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request.URL)
	case *log.EventEntryAdded: // a breach of the Content-Security-Policy, for one
		b.complain(e.Entry.Text)
	case *runtime.EventExceptionThrown:
		b.complain((&chromedp.ExceptionError{ExceptionDetails: e.ExceptionDetails}).Error())
	case *runtime.EventConsoleAPICalled:
		b.complain("console." + string(e.Type))
	case *page.EventJavascriptDialogOpening:
		b.complain("dialog: " + e.Message)
	}
}

func (b *tab) complain(text string) { b.complaints = append(b.complaints, text) }

// complained is what the browser has complained of so far.
func (b *tab) complained() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.complaints...)
}

// keepsToItself asserts that nothing has been asked of any other host, and
// that the browser has nothing to complain of.
func (b *tab) keepsToItself(origin string) {
	b.t.Helper()
	require.Empty(b.t, b.complained())
	b.mu.Lock()
	defer b.mu.Unlock()
	require.NotEmpty(b.t, b.requests)
	for _, url := range b.requests {
		if !strings.HasPrefix(url, "data:") { // the icon
			require.Contains(b.t, []string{origin + "/", origin + "/live"}, url)
		}
	}
}

// eval is the value of an expression of JavaScript. It goes by the protocol of
// the developer tools, which the page's Content-Security-Policy does not bind;
// chromedp's own Poll would be refused by it.
func eval[T any](b *tab, expression string, arguments ...any) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](javascript(b.t, expression, arguments)))
	require.NoError(b.t, err, expression)
	return value
}

// javascript puts arguments, as literals, in the places of verbs.
func javascript(t *testing.T, expression string, arguments []any) string {
	t.Helper()
	literals := make([]any, 0, len(arguments))
	for _, argument := range arguments {
		literal, err := json.Marshal(argument)
		require.NoError(t, err)
		literals = append(literals, literal)
	}
	return fmt.Sprintf(expression, literals...)
}

// until waits until an expression is true.
func (b *tab) until(expression string, arguments ...any) {
	b.t.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for end := time.Now().Add(patience); !eval[bool](b, expression, arguments...); <-ticker.C {
		if time.Now().After(end) {
			shown := eval[string](b, "document.body.innerText")
			require.FailNow(b.t, javascript(b.t, expression, arguments), "%s\n%q", shown, slices.Compact(b.complained()))
		}
	}
}

// shows waits until the element with an ID shows a text as it is.
func (b *tab) shows(id, text string) {
	b.t.Helper()
	b.until("document.getElementById(%s).innerText.includes(%s)", id, text)
}

// counts waits until the element with an ID shows a number and nothing else.
func (b *tab) counts(id string, number int) {
	b.t.Helper()
	b.until("document.getElementById(%s).innerText === %s", id, fmt.Sprint(number))
}

// rows waits until a table's body has so many of them.
func (b *tab) rows(id string, number int) {
	b.t.Helper()
	b.until("document.getElementById(%s).rows.length === %s", id, number)
}

// view is how somebody looks at the page.
type view struct {
	name          string
	width, height int64
	scheme        string
}

func views() []view {
	return []view{
		{"phone-light", 390, 844, "light"}, {"phone-dark", 390, 844, "dark"},
		{"tablet-light", 768, 1024, "light"},
		{"desktop-light", 1280, 900, "light"}, {"desktop-dark", 1280, 900, "dark"},
	}
}

// look looks at the page in a way.
func (b *tab) look(v view) {
	b.t.Helper()
	scheme := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: v.scheme}}}
	b.do(chromedp.EmulateViewport(v.width, v.height), func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		return cdp.Call(ctx, t, emulation.SetEmulatedMedia, scheme)
	})
}

// looksGood looks at the page in every way: nothing stands out of it, and all
// text can be told from its ground. PAGE_PICTURES names a directory for
// pictures of it.
func (b *tab) looksGood(scene string) {
	b.t.Helper()
	for _, v := range views() {
		b.look(v)
		require.Empty(b.t, eval[[]string](b, wide), "wider than the page on %s", v.name)
		require.Empty(b.t, eval[[]string](b, pale), "hard to read on %s", v.name)
		if dir := os.Getenv("PAGE_PICTURES"); dir != "" {
			picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
			require.NoError(b.t, err)
			require.NoError(b.t, os.WriteFile(filepath.Join(dir, scene+"-"+v.name+".png"), picture, 0o600))
		}
	}
}

// wide lists what stands out of the page at a side.
const wide = `[...document.body.querySelectorAll("*")]
  .filter((e) => e.getBoundingClientRect().right > document.documentElement.clientWidth || e.getBoundingClientRect().left < 0)
  .map((e) => e.outerHTML.slice(0, 200))`

// pale lists texts with less contrast than WCAG 2.2 asks for (1.4.3, AA). What
// stands in something translucent is mixed with what is behind that; all of it
// is taken for as pale as the page's own ground is behind it.
const pale = `(() => {
  const channels = (color) => color.match(/[\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => [r, g, b].map((c) => c / 255).map((c) => (c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const color = channels(getComputedStyle(e).backgroundColor);
      if (color[3] !== 0) return color;
    }
    return [255, 255, 255];
  };
  const page = ground(document.body);
  const opacity = (e) => (e ? getComputedStyle(e).opacity * opacity(e.parentElement) : 1);
  const seen = (color, e) => color.slice(0, 3).map((c, i) => c * opacity(e) + page[i] * (1 - opacity(e)));
  const contrast = (e) => {
    const colors = [channels(getComputedStyle(e).color), ground(e)];
    const [dark, light] = colors.map((color) => luminance(seen(color, e))).sort((a, b) => a - b);
    return (light + .05) / (dark + .05);
  };
  return [...document.body.querySelectorAll("*")]
    .filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) && !["SCRIPT", "NOSCRIPT"].includes(e.tagName) && contrast(e) < 4.5)
    .map((e) => contrast(e).toFixed(1) + " " + e.outerHTML.slice(0, 200));
})()`

// hostname is the name that workers here go by.
func hostname(t *testing.T) string {
	t.Helper()
	name, err := os.Hostname()
	require.NoError(t, err)
	return cmp.Or(name, "unknown host")
}
