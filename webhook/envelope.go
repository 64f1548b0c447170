package webhook

import "time"

// isEnvelope reports whether the object has the newer format, that of Nexconn: a type, an id, a time and a list of
// events.
func (o object) isEnvelope() bool {
	return len(o["type"]) > 0 && o["type"][0] == '"' && len(o["data"]) > 0 && o["data"][0] == '['
}

// decodeEnvelope uses the envelope's time for an event without a time, because this format omits empty fields.
func decodeEnvelope(o object, body []byte) ([]Event, error) {
	outer := fieldReader{fields: o}
	eventType := outer.required("type")
	decode := envelopeDecoders[eventType]
	if decode == nil || outer.err != nil {
		return []Event{unknownEvent(body)}, nil
	}
	var data []object
	if err := unmarshal(o["data"], &data); err != nil {
		return nil, err
	}
	if err := checkCount(len(data)); err != nil {
		return nil, err
	}
	var sentAt time.Time
	if len(data) > 0 && o.has("time") {
		sentAt = outer.timestamp()
	}
	if outer.err != nil {
		return nil, outer.err
	}
	events := make([]Event, 0, len(data))
	for _, fields := range data {
		r := fieldReader{fields: fields, defaultTime: sentAt}
		e := decode(&r)
		if r.err != nil {
			return nil, r.err
		}
		events = append(events, e)
	}
	return events, nil
}

// Source: https://docs.nexconn.ai, webhooks about users.
var envelopeDecoders = map[string]func(*fieldReader) Event{
	"user:connection_status": func(r *fieldReader) Event { return r.presence("userId") },
	"user:activation_state":  func(r *fieldReader) Event { return r.deactivation("operationType") },
	"user:profile_update":    func(r *fieldReader) Event { return r.profile("operatorId", "operationType", "userMetaData") },
	"user:friendship":        func(r *fieldReader) Event { return r.friendship("operationType", "os") },
}
