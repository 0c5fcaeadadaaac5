package natsconn

import (
	"errors"
	"net/url"
	"strings"

	"github.com/jobferry/jobferry/internal/config"
	"github.com/nats-io/nats.go"
	"github.com/synadia-io/orbit.go/natscontext"
)

// errNotDialled ends a connect when all its options have been looked at.
var errNotDialled = errors.New("not dialled")

// CheckContext is a check of the settings: it loads the context of the nats
// tool that they name, and what that names, as a connect would.
func CheckContext(cfg config.Config, report func(variable, want string)) {
	if cfg.NATS.Context == "" {
		return
	}
	var found error
	// The library has no other way to look at a context.
	_, _, err := natscontext.Connect(cfg.NATS.Context, func(o *nats.Options) error {
		found = errors.Join(checkServers(cfg.NATS, o.Servers), checkLogin(cfg.NATS, o))
		return errNotDialled
	})
	if !errors.Is(err, errNotDialled) {
		found = err
	}
	if found != nil {
		report("NATS_CONTEXT", "must be a context of the nats tool that can be used; "+strings.Join(strings.Fields(found.Error()), " "))
	}
}

// checkServers finds what a connect would fail with. It does not repeat a URL,
// which may carry a password.
func checkServers(cfg config.NATS, servers []string) error {
	if cfg.URL != "" {
		return nil // it beats the context's own
	}
	for _, server := range servers {
		if !strings.Contains(server, "://") {
			server = "nats://" + server
		}
		if _, err := url.Parse(server); err != nil {
			return errors.New("its url cannot be parsed")
		}
	}
	return nil
}

// checkLogin reads the files that the library reads at each connect only.
func checkLogin(cfg config.NATS, o *nats.Options) error {
	if cfg.Creds != "" || cfg.NKey != "" || cfg.User != "" {
		return nil // the context's own is not used
	}
	if o.UserJWT != nil {
		if _, err := o.UserJWT(); err != nil {
			return err
		}
	}
	if o.SignatureCB != nil {
		if _, err := o.SignatureCB([]byte("nonce")); err != nil {
			return err
		}
	}
	return nil
}
