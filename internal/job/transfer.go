package job

import "time"

// Transfer is one file or payload on its way into the store, at one moment.
type Transfer struct {
	Job   ID        `json:"job"`
	Name  string    `json:"name"`  // of the object, without its extension
	Size  int64     `json:"size"`  // in bytes, -1 when it is not known
	Done  int64     `json:"done"`  // bytes that have come from the source
	Since time.Time `json:"since"` // when this try began
}
