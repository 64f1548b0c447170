package rcuser

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLooseInt(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]looseInt{
		`200`: {true, 200}, `"200"`: {true, 200}, `0`: {true, 0}, `-1`: {true, -1}, `null`: {},
	} {
		var got looseInt
		require.NoError(t, json.Unmarshal([]byte(text), &got), text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{`true`, `""`, `"x"`, `1.5`, `[]`, `{}`, `99999999999999999999`} {
		require.Error(t, json.Unmarshal([]byte(text), new(looseInt)), text)
	}
}

func TestLooseBool(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]looseBool{
		`1`: {true, true}, `"1"`: {true, true}, `0`: {true, false}, `"0"`: {true, false}, `null`: {},
	} {
		var got looseBool
		require.NoError(t, json.Unmarshal([]byte(text), &got), text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{`2`, `-1`, `true`, `""`, `"on"`} {
		require.Error(t, json.Unmarshal([]byte(text), new(looseBool)), text)
	}
}

func TestLooseStringNeverFails(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]looseString{`"x"`: "x", `7`: "", `null`: "", `["x"]`: "", `{}`: ""} {
		var got looseString
		require.NoError(t, json.Unmarshal([]byte(text), &got), text)
		require.Equal(t, want, got, text)
	}
}
