package config

import (
	"errors"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/jobferry/jobferry/internal/fetch"
	"github.com/jobferry/jobferry/internal/fetch/ssrf"
)

var (
	natsURLs   = parser[string]{"urls", parseNATSURLs}
	httpURL    = parser[string]{"url", parseHTTPURL}
	listenAddr = parser[string]{"address", parseListenAddr}
	hostGlob   = parser[string]{"host", parseHostGlob}
)

// natsSchemes are those that nats.go dials.
var natsSchemes = []string{"nats", "tls", "ws", "wss"}

var errNoHost = errors.New("must be a host name such as files.example.com or *.example.com:8443, without scheme and path")

// parseNATSURLs checks a list of servers. One without a scheme is a nats one,
// as in the nats tool.
func parseNATSURLs(raw string) (string, error) {
	want := errors.New("must be a list of URLs such as nats://nats-0:4222,tls://nats-1:4222")
	for server := range strings.SplitSeq(raw, ",") {
		server = strings.TrimSpace(server)
		if !strings.Contains(server, "://") {
			server = "nats://" + server
		}
		parsed, err := url.Parse(server)
		if err != nil || parsed.Hostname() == "" || !slices.Contains(natsSchemes, parsed.Scheme) {
			return raw, want
		}
	}
	return raw, nil
}

func parseHTTPURL(raw string) (string, error) {
	_, err := fetch.ParseBaseURL(raw)
	return raw, err
}

func parseListenAddr(raw string) (string, error) {
	_, port, err := net.SplitHostPort(raw)
	if err != nil {
		return raw, errors.New("must be an address such as :8080 or 127.0.0.1:8080")
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return raw, errors.New("must have a port from 0 to 65535, as in :8080")
	}
	return raw, nil
}

func parseHostGlob(raw string) (string, error) {
	if _, err := ssrf.ParsePattern(raw); err != nil {
		return raw, errNoHost
	}
	return raw, nil
}
