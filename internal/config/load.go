package config

import (
	"slices"

	"github.com/spf13/pflag"
)

// Loader reads the settings of some sections.
type Loader struct {
	settings []Setting
	flags    *pflag.FlagSet
}

// Bind adds a flag for each setting of the sections to flags, or of all
// sections when none is named, and returns what loads them once the flags are
// parsed.
func Bind(flags *pflag.FlagSet, sections ...Section) *Loader {
	l := &Loader{flags: flags}
	for _, s := range Settings() {
		if len(sections) > 0 && !slices.Contains(sections, s.Section) {
			continue
		}
		l.settings = append(l.settings, s)
		flag := flags.VarPF(&flagValue{kind: s.Type()}, s.Flag(), "", s.Help+" [$"+s.Name+"]")
		flag.DefValue = s.Default
		if s.Type() == boolean.kind {
			flag.NoOptDefVal = "true"
		}
	}
	return l
}

// Load reads and checks the settings: a flag that is given beats the
// environment, which beats the default. lookup is [os.LookupEnv] or stands in
// for it; an empty variable counts as unset. An empty flag stands for the
// default. The error is a [*Problems] that names everything that is wrong.
func (l *Loader) Load(lookup func(variable string) (string, bool)) (Config, error) {
	var cfg Config
	problems := &Problems{}
	given := make(map[string]string)
	for _, s := range l.settings {
		raw, set := l.raw(s, lookup)
		if set {
			given[s.Name] = raw
		} else {
			raw = s.Default
		}
		if raw == "" {
			continue
		}
		if err := s.value.set(&cfg, raw); err != nil {
			problems.List = append(problems.List, Problem{Variable: s.Name, Shown: shown(s, raw, err), Right: err.Error()})
		}
	}
	if cfg.NATS.Context != "" && given["NATS_URL"] == "" {
		cfg.NATS.URL = ""
	}
	l.checkTogether(cfg, given, problems)
	if len(problems.List) > 0 {
		return Config{}, problems
	}
	return cfg, nil
}

// raw returns what was given for a setting, and whether anything was.
func (l *Loader) raw(s Setting, lookup func(string) (string, bool)) (string, bool) {
	if flag := l.flags.Lookup(s.Flag()); flag != nil && flag.Changed {
		raw := flag.Value.String()
		return raw, raw != ""
	}
	raw, _ := lookup(s.Name)
	return raw, raw != ""
}

// checkTogether applies the rules about several settings. What is wrong by
// itself is not reported twice.
func (l *Loader) checkTogether(cfg Config, given map[string]string, problems *Problems) {
	all := checks()
	done := make(map[Section]bool)
	for _, s := range l.settings {
		rule := all[s.Section]
		if rule == nil || done[s.Section] {
			continue
		}
		done[s.Section] = true
		rule(cfg, func(variable, right string) {
			if problems.has(variable) {
				return
			}
			problems.List = append(problems.List, Problem{Variable: variable, Shown: l.shown(variable, given[variable]), Right: right})
		})
	}
}

// shown is the value of a variable as it may be printed.
func (l *Loader) shown(variable, raw string) string {
	if raw == "" {
		return ""
	}
	at := slices.IndexFunc(l.settings, func(s Setting) bool { return s.Name == variable })
	return shown(l.settings[at], raw, nil)
}

// flagValue keeps what was given for a flag as it is.
type flagValue struct{ raw, kind string }

// String, Set and Type implement [pflag.Value].
func (f *flagValue) String() string { return f.raw }

// Set implements [pflag.Value].
func (f *flagValue) Set(raw string) error {
	f.raw = raw
	return nil
}

// Type implements [pflag.Value].
func (f *flagValue) Type() string { return f.kind }
