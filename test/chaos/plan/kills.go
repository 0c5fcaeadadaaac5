package plan

import "time"

// maxNodeAway is the longest time that a killed node stays away.
const maxNodeAway = 10 * time.Second
