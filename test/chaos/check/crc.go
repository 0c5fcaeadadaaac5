package check

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash"
	"hash/crc64"
	"io"
)

// nvme is the reversed polynomial of CRC-64/NVME (NVM Express Base
// Specification, section 5.2.1.3.4). The standard library has no table of it.
const nvme = 0x9A6C9329AC4BC9B5

// NewCRC64NVME returns a hash whose sum [Base64] writes as S3 does.
func NewCRC64NVME() hash.Hash64 { return crc64.New(crc64.MakeTable(nvme)) }

// Base64 is a checksum as S3 writes it: base64 of its 8 bytes, big endian.
func Base64(sum uint64) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, sum))
}

// CRC64NVME returns the checksum of what can be read, as S3 writes it.
func CRC64NVME(r io.Reader) (string, error) {
	h := NewCRC64NVME()
	if _, err := io.Copy(h, r); err != nil {
		return "", fmt.Errorf("compute a CRC64NVME: %w", err)
	}
	return Base64(h.Sum64()), nil
}
