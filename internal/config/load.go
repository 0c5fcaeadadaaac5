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
// default. The error is a [*Problems] that names everything that is wrong, also
// by more checks of the sections that are read.
func (l *Loader) Load(lookup func(variable string) (string, bool), more ...Check) (Config, error) {
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
			problems.List = append(problems.List, Problem{Variable: s.Name, Shown: shown(s, raw, err), Want: err.Error()})
		}
	}
	if cfg.NATS.Context != "" && given["NATS_URL"] == "" {
		cfg.NATS.URL = ""
	}
	l.check(slices.Concat(checks(), more), cfg, lookup, problems)
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

// check applies the rules of the sections that are read. What is wrong by
// itself is not reported twice.
func (l *Loader) check(rules []Check, cfg Config, lookup func(string) (string, bool), problems *Problems) {
	for _, rule := range rules {
		if !slices.ContainsFunc(l.settings, func(s Setting) bool { return s.Section == rule.Section }) {
			continue
		}
		rule.Apply(cfg, func(variable, want string) {
			if problems.has(variable) {
				return
			}
			problems.List = append(problems.List, Problem{Variable: variable, Shown: l.shown(variable, lookup), Want: want})
		})
	}
}

// shown is what was given for a variable, as it may be printed.
func (l *Loader) shown(variable string, lookup func(string) (string, bool)) string {
	s := foreign(variable)
	if at := slices.IndexFunc(l.settings, func(s Setting) bool { return s.Name == variable }); at >= 0 {
		s = l.settings[at]
	}
	raw, set := l.raw(s, lookup)
	if !set {
		return ""
	}
	return shown(s, raw, nil)
}

// foreign is a variable that is not in the table: one of a library's own, which
// may hold a URL.
func foreign(variable string) Setting {
	return Setting{Name: variable, value: value{kind: httpURL.kind}}
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
