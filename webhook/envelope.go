package webhook

import "time"

// isEnvelope recognizes the newer format, in which an object with a type, an id and a time holds a list of events.
func (o object) isEnvelope() bool {
	return len(o["type"]) > 0 && o["type"][0] == '"' && len(o["data"]) > 0 && o["data"][0] == '['
}

// decodeEnvelope lets an element without a time have the envelope's, as RC leaves empty fields out there.
func decodeEnvelope(o object, body []byte) ([]Event, error) {
	outer := reader{fields: o}
	kind := outer.required("type")
	decode := envelopeEvents[kind]
	if decode == nil || outer.err != nil {
		return []Event{unknown(body)}, nil
	}
	var data []object
	if err := unmarshal(o["data"], &data); err != nil {
		return nil, err
	}
	if err := checkCount(len(data)); err != nil {
		return nil, err
	}
	var at time.Time
	if len(data) > 0 && o.has("time") {
		at = outer.instant()
	}
	if outer.err != nil {
		return nil, outer.err
	}
	events := make([]Event, 0, len(data))
	for _, fields := range data {
		r := reader{fields: fields, time: at}
		e := decode(&r)
		if r.err != nil {
			return nil, r.err
		}
		events = append(events, e)
	}
	return events, nil
}

// Source: https://docs.nexconn.ai, webhooks about users.
var envelopeEvents = map[string]func(*reader) Event{
	"user:connection_status": func(r *reader) Event { return r.presence("userId") },
	"user:activation_state":  func(r *reader) Event { return r.deactivation("operationType") },
	"user:profile_update":    func(r *reader) Event { return r.profile("operatorId", "operationType", "userMetaData") },
	"user:friendship":        func(r *reader) Event { return r.friendship("operationType", "os") },
}
