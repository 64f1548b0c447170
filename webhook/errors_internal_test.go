package webhook

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestReasonsAreComplete checks that each reason has a status and a text of its own.
func TestReasonsAreComplete(t *testing.T) {
	t.Parallel()
	require.Equal(t, Reason(18), errPanic)
	require.Len(t, reasons, 18)
	texts := map[string]bool{}
	for r := ErrMethod; r <= errPanic; r++ {
		require.Contains(t, []int{400, 401, 405, 413, 500, 503}, reasons[r].status, "%d", r)
		require.NotEmpty(t, reasons[r].text, "%d", r)
		texts[reasons[r].text] = true
	}
	require.Len(t, texts, 18, "texts must differ")
}
