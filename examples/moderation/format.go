package main

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// table writes rows as they come, in one of three formats.
type table struct {
	row   func(values ...any) error
	close func() error
}

func formatFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("format", "table", "table, csv or json")
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
	return nil, usage("--format is none of table, csv, json: " + format)
}

func plainTable(w *bufio.Writer, columns []string) *table {
	row := func(values []string) error {
		_, err := fmt.Fprintf(w, "%-24s  %s\n", values[0], values[1])
		return err
	}
	_ = row(columns) // bufio repeats the error
	return &table{row: func(values ...any) error { return row(texts(values)) }, close: w.Flush}
}

func csvTable(w *bufio.Writer, columns []string) *table {
	records := csv.NewWriter(w)
	_ = records.Write(columns) // bufio repeats the error
	return &table{
		row: func(values ...any) error { return records.Write(texts(values)) },
		close: func() error {
			records.Flush()
			if err := records.Error(); err != nil {
				return err
			}
			return w.Flush()
		},
	}
}

// jsonTable writes an array that is whole even if the rows end early.
func jsonTable(w *bufio.Writer, columns []string) *table {
	before := "[\n"
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
			_, err = fmt.Fprintf(w, "%s  %s", before, text)
			before = ",\n"
			return err
		},
		close: func() error {
			end := "\n]\n"
			if before == "[\n" {
				end = "[]\n"
			}
			_, _ = w.WriteString(end) // Flush repeats the error
			return w.Flush()
		},
	}
}

func texts(values []any) []string {
	var all []string
	for _, value := range values {
		all = append(all, fmt.Sprint(value))
	}
	return all
}
