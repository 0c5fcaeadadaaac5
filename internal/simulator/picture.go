package simulator

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
)

// PNGFile is a real picture of 320 by 200 points.
func PNGFile() File {
	picture := image.NewRGBA(image.Rect(0, 0, 320, 200))
	for y := range 200 {
		for x := range 320 {
			picture.SetRGBA(x, y, color.RGBA{R: uint8(x * 255 / 319), G: uint8(y * 255 / 199), B: 160, A: 255})
		}
	}
	var out bytes.Buffer
	if err := png.Encode(&out, picture); err != nil { // a buffer takes everything
		panic(fmt.Sprintf("simulator: make a picture: %v", err))
	}
	return File{Name: "page-1.png", ContentType: "image/png", Content: bytes.NewReader(out.Bytes())}
}
