package plan

// Faults are what goes wrong, in time. The options have to be valid.
func Faults(o Options) []Fault { return nil }
