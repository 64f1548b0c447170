package rcuser

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLooseInt(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]looseInt{
		`200`: {true, 200}, `"200"`: {true, 200}, `0`: {true, 0}, `-1`: {true, -1}, `"0200"`: {true, 200}, `"\u003200"`: {true, 200},
		`200.0`: {true, 200}, `"200.0"`: {true, 200}, `2e2`: {true, 200}, `"2E+2"`: {true, 200}, `20000e-2`: {true, 200}, `-0.0`: {true, 0},
		`4294967496`: {true, 4294967496}, `9223372036854775807`: {true, 9223372036854775807}, `1.5e12`: {true, 1500000000000},
		`9007199254740992.0`: {true, 9007199254740992},
	} {
		var got looseInt
		require.NoError(t, json.Unmarshal([]byte(text), &got), text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{
		`true`, `""`, `"x"`, `1.5`, `"1.5"`, `[]`, `{}`, `99999999999999999999`, `1e400`, `1e999999999999999999`, `"inf"`, `"NaN"`, `"0x10p4"`,
		`"2_00"`, `"1e"`, `" 200"`, `90071992547409930.0`, `[200]`, `{"code":200}`,
	} {
		got := looseInt{true, 7}
		require.NoError(t, json.Unmarshal([]byte(text), &got), text)
		require.Equal(t, looseInt{}, got, text)
	}
	kept := looseInt{true, 7}
	require.NoError(t, json.Unmarshal([]byte(`null`), &kept))
	require.Equal(t, looseInt{true, 7}, kept)
}

func TestLooseBool(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]looseBool{
		`1`: {true, true}, `"1"`: {true, true}, `1.0`: {true, true}, `true`: {true, true}, `"TRUE"`: {true, true},
		`0`: {true, false}, `"0"`: {true, false}, `false`: {true, false}, `"false"`: {true, false}, `0e5`: {true, false},
		`2`: {}, `-1`: {}, `""`: {}, `"on"`: {}, `[1]`: {}, `{"true":true}`: {}, `"t"`: {}, `4294967297`: {}, `null`: {},
	} {
		var got looseBool
		require.NoError(t, json.Unmarshal([]byte(text), &got), text)
		require.Equal(t, want, got, text)
	}
}

func TestLooseString(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]looseString{
		`"x"`: "x", `""`: "", `null`: "", `["x"]`: "", `{}`: "", `true`: "", `"true"`: "true", `"\"\\"`: `"\`, "\"a\xff\"": "a\ufffd",
		`7`: "7", `-7`: "-7", `12345678901234567890123`: "12345678901234567890123", `7.0`: "7", `1.2345678901E10`: "12345678901",
		`1.5`: "1.5", `1e400`: "1e400", `"7.0"`: "7.0", `"1e3"`: "1e3",
	} {
		var got looseString
		require.NoError(t, json.Unmarshal([]byte(text), &got), text)
		require.Equal(t, want, got, text)
	}
}

func TestParseTime(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("UTC+8", 8*60*60)
	moment := time.Date(2016, 6, 3, 8, 9, 4, 0, zone)
	for text, want := range map[looseString]time.Time{
		"2016-06-03 08:09:04":       moment,
		"2016-6-3 8:9:4":            moment,
		" 2016-06-03 08:09:04 ":     moment,
		"2016-06-03 08:09:04.0":     moment,
		"2016-06-03T08:09:04":       moment,
		"2016-06-03T00:09:04Z":      moment,
		"2016-06-03T02:09:04+02:00": moment,
		"1464912544000":             moment,
		"1464912544":                moment,
		"2016-06-03 08:09:04.5":     moment.Add(time.Second / 2),
		"253402271999999":           time.Date(9999, 12, 31, 23, 59, 59, 999_000_000, zone),
	} {
		require.Equal(t, want, parseTime(text, zone), text)
	}
	for _, text := range []looseString{
		"", "soon", "0", "-1", "1.5", "0000-00-00 00:00:00", "2016-02-30 00:00:00", "2016-06-13 24:00:00", "2016-06-13", "18:09:04",
		"253402272000000", "9223372036854775807", "99999999999999999999", looseString(strings.Repeat("9", 1000)), "2016-06-13 18:09:04 x",
	} {
		require.Equal(t, time.Time{}, parseTime(text, zone), text)
	}
}
