package check_test

import (
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/test/chaos/check"
)

// The check value is that of the catalogue of parametrised CRC algorithms for
// CRC-64/NVME: the checksum of "123456789".
func TestTheChecksumHasTheCheckValueOfItsAlgorithm(t *testing.T) {
	t.Parallel()
	h := check.NewCRC64NVME()
	_, err := h.Write([]byte("123456789"))
	require.NoError(t, err)
	require.Equal(t, uint64(0xae8b14860a799888), h.Sum64())
	sum, err := check.CRC64NVME(strings.NewReader("123456789"))
	require.NoError(t, err)
	require.Equal(t, "rosUhgp5mIg=", sum)
}

func TestAChecksumOfWhatCannotBeReadIsAnError(t *testing.T) {
	t.Parallel()
	gone := errors.New("gone")
	_, err := check.CRC64NVME(iotest.ErrReader(gone))
	require.ErrorIs(t, err, gone)
}
