package simulator

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
)

// The media types of Office Open XML (ECMA-376).
const (
	typeWord  = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
	typeExcel = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
)

// part is one file of an Office package.
type part struct{ name, content string }

const (
	xmlHead       = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>`
	relationships = "http://schemas.openxmlformats.org/package/2006/relationships"
	officeTypes   = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
)

// WordFile is a real document of one paragraph.
func WordFile() File {
	return File{Name: "document.docx", ContentType: typeWord, PageCount: 1, Content: officeContent(
		contentTypes("/word/document.xml", typeWord+".main+xml", ""),
		mainRelation("word/document.xml"),
		part{"word/document.xml", xmlHead +
			`<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">` +
			`<w:body><w:p><w:r><w:t>A simulated result</w:t></w:r></w:p></w:body></w:document>`},
	)}
}

// ExcelFile is a real workbook of one sheet.
func ExcelFile() File {
	const sheetType = "application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"
	const main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
	return File{Name: "tables.xlsx", ContentType: typeExcel, Content: officeContent(
		contentTypes("/xl/workbook.xml", typeExcel+".main+xml",
			`<Override PartName="/xl/worksheets/sheet1.xml" ContentType="`+sheetType+`"/>`),
		mainRelation("xl/workbook.xml"),
		part{"xl/workbook.xml", xmlHead + `<workbook xmlns="` + main + `" xmlns:r="` + officeTypes + `">` +
			`<sheets><sheet name="Table 1" sheetId="1" r:id="rId1"/></sheets></workbook>`},
		part{"xl/_rels/workbook.xml.rels", relation("worksheet", "worksheets/sheet1.xml")},
		part{"xl/worksheets/sheet1.xml", xmlHead + `<worksheet xmlns="` + main + `"><sheetData><row r="1">` +
			`<c r="A1" t="inlineStr"><is><t>Coffee</t></is></c><c r="B1"><v>3.5</v></c></row></sheetData></worksheet>`},
	)}
}

func contentTypes(name, kind, more string) part {
	return part{"[Content_Types].xml", xmlHead +
		`<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">` +
		`<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>` +
		`<Default Extension="xml" ContentType="application/xml"/>` +
		`<Override PartName="` + name + `" ContentType="` + kind + `"/>` + more + `</Types>`}
}

func mainRelation(target string) part {
	return part{"_rels/.rels", relation("officeDocument", target)}
}

func relation(kind, target string) string {
	return xmlHead + `<Relationships xmlns="` + relationships + `"><Relationship Id="rId1" Type="` +
		officeTypes + `/` + kind + `" Target="` + target + `"/></Relationships>`
}

// officeContent zips the parts, without times, so that it is the same bytes
// every time.
func officeContent(parts ...part) Content {
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	for _, p := range parts {
		w, err := archive.CreateHeader(&zip.FileHeader{Name: p.name, Method: zip.Deflate})
		if err == nil {
			_, err = io.WriteString(w, p.content)
		}
		if err != nil { // a buffer takes everything
			panic(fmt.Sprintf("simulator: zip %s: %v", p.name, err))
		}
	}
	if err := archive.Close(); err != nil {
		panic(fmt.Sprintf("simulator: zip an Office document: %v", err))
	}
	return bytes.NewReader(out.Bytes())
}
