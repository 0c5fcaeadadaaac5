package natsconn

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jobferry/jobferry/internal/config"
	"github.com/jobferry/jobferry/internal/retry"
	"github.com/nats-io/nats.go"
)

// pingInterval and two pings without an answer bound how long a connection
// that died in silence goes unnoticed.
const pingInterval = 10 * time.Second

// dialTimeout bounds the connect to one server of the list.
const dialTimeout = 2 * time.Second

// reconnects are the waits between the rounds through the list of servers.
var reconnects = retry.Policy{Initial: 100 * time.Millisecond, Max: 4 * time.Second, Multiplier: 2}

// options are the settings in the client library's terms. Files are looked at
// here, and again by the library at each connect.
func options(cfg config.NATS, name string, w *watch) ([]nats.Option, error) {
	login, err := credentials(cfg)
	if err != nil {
		return nil, err
	}
	return append(append(login, transport(cfg)...), append(w.handlers(),
		nats.Name(name),
		inbox(name),
		nats.Timeout(dialTimeout),
		nats.PingInterval(pingInterval),
		nats.RetryOnFailedConnect(true),
		nats.MaxReconnects(-1),
		// Rotated credentials may be wrong for a moment, and an operator may
		// mend wrong ones: neither is a reason to give up.
		nats.IgnoreAuthErrorAbort(),
		nats.CustomReconnectDelay(func(rounds int) time.Duration {
			w.failedRound()
			return reconnects.Delay(rounds - 1)
		}),
		nats.NoCallbacksAfterClientClose(),
	)...), nil
}

// inbox has the broker's answers come under the first two words of the
// connection's name, so that a user may be kept from everybody else's: who may
// read all of _INBOX reads along. A context's own prefix stays.
func inbox(name string) nats.Option {
	words := strings.Fields(name)
	return func(o *nats.Options) error {
		if o.InboxPrefix == "" {
			o.InboxPrefix = "_INBOX." + strings.Join(words[:min(len(words), 2)], "-")
		}
		return nil
	}
}

// transport is where to connect and whom to trust.
func transport(cfg config.NATS) []nats.Option {
	var all []nats.Option
	if cfg.CA != "" {
		all = append(all, nats.RootCAs(cfg.CA))
	}
	if cfg.Cert != "" {
		all = append(all, nats.ClientCert(cfg.Cert, cfg.Key))
	}
	if cfg.Context != "" && cfg.URL != "" {
		all = append(all, func(o *nats.Options) error { // beats the context's own
			o.Servers = servers(cfg.URL)
			return nil
		})
	}
	return all
}

func servers(list string) []string {
	all := strings.Split(list, ",")
	for i := range all {
		all[i] = strings.TrimSpace(all[i])
	}
	return all
}

// credentials is how to authenticate, if the settings say.
func credentials(cfg config.NATS) ([]nats.Option, error) {
	switch {
	case cfg.Creds != "":
		return []nats.Option{nats.UserCredentials(cfg.Creds)}, nil
	case cfg.NKey != "":
		option, err := nats.NkeyOptionFromSeed(cfg.NKey)
		if err != nil {
			return nil, fmt.Errorf("NATS_NKEY: %w", err)
		}
		return []nats.Option{option}, nil
	case cfg.PasswordFile != "":
		if _, err := readPassword(cfg.PasswordFile); err != nil {
			return nil, fmt.Errorf("NATS_PASSWORD_FILE: %w", err)
		}
		return []nats.Option{nats.UserInfoHandler(fileLogin(cfg.User, cfg.PasswordFile))}, nil
	case !cfg.Password.IsZero():
		return []nats.Option{nats.UserInfo(cfg.User, cfg.Password.Reveal())}, nil
	case cfg.User != "":
		return []nats.Option{nats.Token(cfg.User)}, nil
	}
	return nil, nil
}

// fileLogin reads the password at each connect. One that cannot be read is
// sent as empty: the broker refuses it, and the next connect reads again.
func fileLogin(user, path string) func() (string, string) {
	return func() (string, string) {
		password, err := readPassword(path)
		if err != nil {
			return user, ""
		}
		return user, password
	}
}

func readPassword(path string) (string, error) {
	content, err := os.ReadFile(path) //nolint:gosec // the path is the operator's own setting
	if err != nil {
		return "", err
	}
	password := strings.TrimSpace(string(content))
	if password == "" {
		return "", errors.New("the file is empty")
	}
	return password, nil
}
