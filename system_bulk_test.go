package rcuser_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/internal/systemtest"
)

// TestBulkModel does random bulk work that is interrupted and resumed. RCUSER_BULK_RUNS is the number of runs, 200 by
// default, and RCUSER_BULK_SEED the seed of the first one.
func TestBulkModel(t *testing.T) {
	skipUnderRace(t)
	t.Parallel()
	runs, first := numberFromEnv(t, "RCUSER_BULK_RUNS", 200), numberFromEnv(t, "RCUSER_BULK_SEED", 0)
	dir := t.TempDir()
	for seed := first; seed < first+runs; seed++ {
		path := filepath.Join(dir, fmt.Sprint(seed))
		synctest.Test(t, func(t *testing.T) {
			require.NoError(t, systemtest.BulkModel(t.Context(), seed, path))
		})
		require.NoError(t, os.RemoveAll(path))
	}
}

func numberFromEnv(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	require.NoError(t, err)
	return n
}
