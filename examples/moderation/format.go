package main

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// table writes rows one by one, in one of three formats.
type table struct {
	row   func(values ...any) error
	close func() error
}

func formatFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("format", "table", "output `format`: table, csv or json")
}

func newTable(w io.Writer, format string, columns ...string) (*table, error) {
	buffer := bufio.NewWriter(w)
	switch format {
	case "table":
		return plainTable(buffer, columns), nil
	case "csv":
		return csvTable(buffer, columns), nil
	case "json":
		return jsonTable(buffer, columns), nil
	}
	return nil, newUsageError("--format must be table, csv or json, not " + format)
}

func plainTable(w *bufio.Writer, columns []string) *table {
	row := func(values []string) error {
		_, err := fmt.Fprintf(w, "%-24s  %s\n", values[0], values[1])
		return err
	}
	_ = row(columns) // later writes and Flush return the error again
	return &table{row: func(values ...any) error { return row(toStrings(values)) }, close: w.Flush}
}

func csvTable(w *bufio.Writer, columns []string) *table {
	records := csv.NewWriter(w)
	_ = records.Write(columns) // later writes and Flush return the error again
	return &table{
		row: func(values ...any) error { return records.Write(toStrings(values)) },
		close: func() error {
			records.Flush()
			if err := records.Error(); err != nil {
				return err
			}
			return w.Flush()
		},
	}
}

// jsonTable writes a JSON array that is valid even if the rows end early.
func jsonTable(w *bufio.Writer, columns []string) *table {
	separator := "[\n"
	return &table{
		row: func(values ...any) error {
			object := map[string]any{}
			for i, column := range columns {
				object[column] = values[i]
			}
			text, err := json.Marshal(object)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(w, "%s  %s", separator, text)
			separator = ",\n"
			return err
		},
		close: func() error {
			end := "\n]\n"
			if separator == "[\n" {
				end = "[]\n"
			}
			_, _ = w.WriteString(end) // Flush returns the error again
			return w.Flush()
		},
	}
}

func toStrings(values []any) []string {
	var texts []string
	for _, value := range values {
		texts = append(texts, fmt.Sprint(value))
	}
	return texts
}
