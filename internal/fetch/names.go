package fetch

import (
	"encoding/json"

	"github.com/jobferry/jobferry/internal/job"
)

// names is the set of those member names of a result that tell its kind.
type names uint32

// The names that have a meaning, from the OpenAPI's result types.
const (
	nameFile names = 1 << iota
	nameFiles
	nameTables
	nameTextBoxes
	namePIIBoxes
	nameFields
	nameAverageConfidence
	nameTitle
	nameAuthor
	nameSubject
	nameKeywords
	nameCreator
	nameProducer
	nameCreationDate
	nameModDate
	nameTrapped
)

// The members that PropertiesTypes and FormResultType require.
const (
	allProperties = nameTitle | nameAuthor | nameSubject | nameKeywords | nameCreator |
		nameProducer | nameCreationDate | nameModDate | nameTrapped
	allForm = nameFields | nameAverageConfidence
)

// with adds a name, given as it stands between the quotes.
func (n names) with(raw []byte) names {
	var name string
	if json.Unmarshal(append(append([]byte{'"'}, raw...), '"'), &name) != nil {
		return n
	}
	return n | meaning(name)
}

// meaning is the bit of a name, or nothing. Case matters, as in the OpenAPI.
func meaning(name string) names {
	switch name {
	case "file":
		return nameFile
	case "files":
		return nameFiles
	case "tables":
		return nameTables
	case "textBoxes":
		return nameTextBoxes
	case "PIIBoxes":
		return namePIIBoxes
	case "fields":
		return nameFields
	case "averageConfidence":
		return nameAverageConfidence
	}
	return property(name)
}

// property is the part of meaning that is about a document's properties.
func property(name string) names {
	switch name {
	case "title":
		return nameTitle
	case "author":
		return nameAuthor
	case "subject":
		return nameSubject
	case "keywords":
		return nameKeywords
	case "creator":
		return nameCreator
	case "producer":
		return nameProducer
	case "creationDate":
		return nameCreationDate
	case "modDate":
		return nameModDate
	case "trapped":
		return nameTrapped
	}
	return 0
}

func (n names) has(all names) bool { return n&all == all }

// isFiles reports whether the result is one of files, well-formed or not.
func (n names) isFiles() bool { return n&(nameFile|nameFiles) != 0 }

// payloadKind tells the kind of an object that is stored itself, by what the
// OpenAPI requires of each.
func (n names) payloadKind() job.Kind {
	switch {
	case n.has(nameTables):
		return job.KindTables
	case n.has(nameTextBoxes):
		return job.KindTextBoxes
	case n.has(namePIIBoxes):
		return job.KindPIIBoxes
	case n.has(allProperties):
		return job.KindProperties
	case n.has(allForm):
		return job.KindForm
	}
	return job.KindJSON
}
