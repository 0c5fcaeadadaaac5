package config

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
)

var (
	natsURLs   = reading[string]{"urls", parseNATSURLs}
	httpURL    = reading[string]{"url", parseHTTPURL}
	listenAddr = reading[string]{"address", parseListenAddr}
	hostGlob   = reading[string]{"host", parseHostGlob}
)

// natsSchemes are those that nats.go dials.
var natsSchemes = []string{"nats", "tls", "ws", "wss"}

var errNoHost = errors.New("must be a host name such as files.example.com or *.example.com:8443, without scheme and path")

// parseNATSURLs checks a list of servers. One without a scheme is a nats one,
// as in the nats tool.
func parseNATSURLs(raw string) (string, error) {
	right := errors.New("must be a list of URLs such as nats://nats-0:4222,tls://nats-1:4222")
	for server := range strings.SplitSeq(raw, ",") {
		server = strings.TrimSpace(server)
		if !strings.Contains(server, "://") {
			server = "nats://" + server
		}
		parsed, err := url.Parse(server)
		if err != nil || parsed.Hostname() == "" || !slices.Contains(natsSchemes, parsed.Scheme) {
			return raw, right
		}
	}
	return raw, nil
}

func parseHTTPURL(raw string) (string, error) {
	parsed, err := url.Parse(raw)
	switch {
	case err != nil, parsed.Hostname() == "", parsed.Scheme != "https" && parsed.Scheme != "http":
		return raw, errors.New("must be a URL such as https://api.gonitro.dev")
	case parsed.User != nil:
		return raw, errors.New("must be a URL without user and password; credentials have settings of their own")
	case parsed.RawQuery != "" || parsed.ForceQuery || parsed.Fragment != "":
		return raw, errors.New("must be a URL without query and fragment")
	}
	return raw, nil
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

// parseHostGlob checks a host name, an address or a glob, with an optional
// port. Which hosts it matches is for the client of the API to say.
func parseHostGlob(raw string) (string, error) {
	host := raw
	if bare := strings.TrimSuffix(strings.TrimPrefix(raw, "["), "]"); isAddr(bare) {
		return raw, nil
	}
	if at := strings.LastIndexByte(raw, ':'); at >= 0 {
		if port, err := strconv.ParseUint(raw[at+1:], 10, 16); err != nil || port == 0 {
			return raw, errNoHost
		}
		host = strings.TrimSuffix(strings.TrimPrefix(raw[:at], "["), "]")
	}
	if isAddr(host) {
		return raw, nil
	}
	if _, err := path.Match(host, ""); err != nil || host == "" || strings.ContainsAny(host, "/@:#? \t") {
		return raw, errNoHost
	}
	return raw, nil
}

func isAddr(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}
