package world

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

const (
	// scrapeEvery is how often the metrics of every worker are kept: a worker
	// lives for six seconds on average in a long run.
	scrapeEvery = 2 * time.Second
	// maxPage is how much of a page is kept, in bytes.
	maxPage = 4 << 20
)

// scrape keeps the workers' metric pages, now and again until the context ends.
func (ws *workers) scrape(ctx context.Context) {
	for pause(ctx, scrapeEvery) {
		ws.pages(ctx)
	}
}

// pages keeps the page of every worker in a file each place, one after the
// other.
func (ws *workers) pages(ctx context.Context) {
	ws.scraping.Lock() // pages are kept in one piece
	defer ws.scraping.Unlock()
	client := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for _, w := range ws.all {
		if address := w.address(); address != "" {
			_ = scrapeOne(ctx, client, address, metricsFile(ws.dir, w.index)) // killed just now
		}
	}
}

func metricsFile(dir string, index int) string {
	return filepath.Join(dir, fmt.Sprintf("worker-%d.metrics", index))
}

func scrapeOne(ctx context.Context, client *http.Client, address, file string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/metrics", nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	out, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	_, err = io.Copy(out, io.LimitReader(response.Body, maxPage))
	return err
}
