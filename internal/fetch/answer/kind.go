package answer

import "github.com/jobferry/jobferry/internal/job"

// memberSet is the set of the result's members that tell its kind.
type memberSet uint32

// The members that have a meaning, from the OpenAPI's result types.
const (
	memberFile memberSet = 1 << iota
	memberFiles
	memberTables
	memberTextBoxes
	memberPIIBoxes
	memberFields
	memberAverageConfidence
	memberTitle
	memberAuthor
	memberSubject
	memberKeywords
	memberCreator
	memberProducer
	memberCreationDate
	memberModDate
	memberTrapped
)

// The members that PropertiesTypes and FormResultType require.
const (
	allProperties = memberTitle | memberAuthor | memberSubject | memberKeywords | memberCreator |
		memberProducer | memberCreationDate | memberModDate | memberTrapped
	allForm = memberFields | memberAverageConfidence
)

// memberNamed holds the members by name. Case matters, as in the OpenAPI.
var memberNamed = map[string]memberSet{
	"file":              memberFile,
	"files":             memberFiles,
	"tables":            memberTables,
	"textBoxes":         memberTextBoxes,
	"PIIBoxes":          memberPIIBoxes,
	"fields":            memberFields,
	"averageConfidence": memberAverageConfidence,
	"title":             memberTitle,
	"author":            memberAuthor,
	"subject":           memberSubject,
	"keywords":          memberKeywords,
	"creator":           memberCreator,
	"producer":          memberProducer,
	"creationDate":      memberCreationDate,
	"modDate":           memberModDate,
	"trapped":           memberTrapped,
}

// add adds the member of a name, if the name has a meaning.
func (m *memberSet) add(name string) { *m |= memberNamed[name] }

func (m *memberSet) has(all memberSet) bool { return *m&all == all }

// isFiles reports whether the result is one of files, well-formed or not.
func (m *memberSet) isFiles() bool { return *m&(memberFile|memberFiles) != 0 }

// payloadKind is the kind of an object that is stored itself, by the members that
// the OpenAPI requires of each kind.
func (m *memberSet) payloadKind() job.Kind {
	switch {
	case m.has(memberTables):
		return job.KindTables
	case m.has(memberTextBoxes):
		return job.KindTextBoxes
	case m.has(memberPIIBoxes):
		return job.KindPIIBoxes
	case m.has(allProperties):
		return job.KindProperties
	case m.has(allForm):
		return job.KindForm
	}
	return job.KindJSON
}
