package world

import (
	"encoding/json"
	"time"
)

// direction is a way through a proxy.
type direction string

const (
	upstream   direction = "upstream"   // from the worker to the server
	downstream direction = "downstream" // from the server to the worker
)

// toxic is something that toxiproxy does to one way of a connection.
type toxic struct {
	name       string // unique
	kind       string // as toxiproxy names it
	direction  direction
	attributes map[string]int64
}

func (t toxic) json() string {
	document, err := json.Marshal(map[string]any{
		"name": t.name, "type": t.kind, "stream": t.direction, "attributes": t.attributes,
	})
	if err != nil { // not with strings and numbers
		return ""
	}
	return string(document)
}

// latency holds back every chunk, give or take half of it.
func latency(name string, d direction, by time.Duration) toxic {
	ms := by.Milliseconds()
	return toxic{name, "latency", d, map[string]int64{"latency": ms, "jitter": ms / 2}}
}

// bandwidth lets through that many KiB a second.
func bandwidth(name string, d direction, rate int64) toxic {
	return toxic{name, "bandwidth", d, map[string]int64{"rate": max(rate, 1)}}
}

// stall lets nothing through; what it swallowed is lost, so the connection is
// closed when it ends.
func stall(name string, d direction) toxic {
	return toxic{name, "timeout", d, map[string]int64{"timeout": 0}}
}

// slicer cuts what passes into small pieces with a pause after each.
func slicer(name string, d direction, size int64) toxic {
	return toxic{name, "slicer", d, map[string]int64{"average_size": max(size, 2), "size_variation": size / 2, "delay": 200}}
}
