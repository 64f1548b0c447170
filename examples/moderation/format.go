package main

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
)

// table writes rows one by one, in one of four formats. The first value of a row is a user's id.
type table struct {
	row   func(values ...any) error
	close func(complete bool) error // writes what is buffered, and the end of the format if the rows are complete
}

func formatFlag(cmd *cobra.Command, remark string) *string {
	return cmd.Flags().String("format", "table", "output `format`: table, ids, csv or json; "+remark)
}

func checkFormat(format string) error {
	if !slices.Contains([]string{"table", "ids", "csv", "json"}, format) {
		return newUsageError("--format must be table, ids, csv or json, not %q", format)
	}
	return nil
}

// newTable returns a table for a format that checkFormat accepts.
func newTable(w io.Writer, format string, columns ...string) *table {
	buffer := bufio.NewWriter(w)
	switch format {
	case "ids":
		return idsTable(buffer)
	case "csv":
		return csvTable(buffer, columns)
	case "json":
		return jsonTable(buffer, columns)
	}
	return plainTable(buffer, columns)
}

func plainTable(w *bufio.Writer, columns []string) *table {
	row := func(id, value string) error {
		_, err := fmt.Fprintf(w, "%-24s  %s\n", id, value)
		return err
	}
	_ = row(columns[0], columns[1]) // later writes and Flush return the error again
	return &table{
		row: func(values ...any) error {
			texts := toStrings(values)
			return row(visible(texts[0]), texts[1])
		},
		close: func(bool) error { return w.Flush() },
	}
}

// visible quotes a text in which something doesn't show, or could act on the terminal.
func visible(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) || isInvisible(r) }) {
		return strconv.QuoteToASCII(text)
	}
	return text
}

// idsTable writes the ids alone. Those that couldn't be read again are left out, and close returns an error that counts them.
func idsTable(w *bufio.Writer) *table {
	var first string
	written, left := false, 0
	return &table{
		row: func(values ...any) error {
			id := fmt.Sprint(values[0])
			if lineProblem(id) != "" || isNothing(id) || !written && isHeader(id) {
				if left++; left == 1 {
					first = id
				}
				return nil
			}
			written = true
			_, err := fmt.Fprintln(w, id)
			return err
		},
		close: func(bool) error {
			if err := w.Flush(); err != nil || left == 0 {
				return err
			}
			return fmt.Errorf("left out %s, as %q can't be a line of ids: --format json has all", countOf(left, "user"), first)
		},
	}
}

func csvTable(w *bufio.Writer, columns []string) *table {
	records := csv.NewWriter(w)
	_ = records.Write(columns) // later writes and Flush return the error again
	return &table{
		row: func(values ...any) error { return records.Write(toStrings(values)) },
		close: func(bool) error {
			records.Flush()
			return errors.Join(records.Error(), w.Flush())
		},
	}
}

// jsonTable writes a JSON array, one object per line. Without its end, it isn't JSON.
func jsonTable(w *bufio.Writer, columns []string) *table {
	separator := "[\n"
	return &table{
		row: func(values ...any) error {
			_, err := w.WriteString(separator + jsonRow(columns, values))
			separator = ",\n"
			return err
		},
		close: func(complete bool) error {
			switch {
			case complete && separator == "[\n":
				_, _ = w.WriteString("[]\n") // Flush returns the error again
			case complete:
				_, _ = w.WriteString("\n]\n")
			}
			return w.Flush()
		},
	}
}

// jsonRow returns a row as a JSON object, with its indentation.
func jsonRow(columns []string, values []any) string {
	object := map[string]any{}
	for i, column := range columns {
		object[column] = values[i]
	}
	text, err := json.Marshal(object)
	if err != nil {
		panic(err) // texts and booleans can be encoded
	}
	return "  " + string(text)
}

func toStrings(values []any) []string {
	var texts []string
	for _, value := range values {
		texts = append(texts, fmt.Sprint(value))
	}
	return texts
}
