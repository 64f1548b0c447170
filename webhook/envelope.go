package webhook

// format is how a body writes its events.
type format struct {
	envelope envelopeType
	sentAt   int64 // milliseconds, for events without a time; 0 = the time is required
}

// envelopeType says of which kind the events in an envelope are. In the older format, noEnvelope, each event shows its kind.
type envelopeType int

const (
	noEnvelope envelopeType = iota
	presenceEnvelope
	activationEnvelope
	profileEnvelope
	friendshipEnvelope
)

// Source: https://docs.nexconn.ai, webhooks about users.
var envelopeTypes = map[string]envelopeType{
	"user:connection_status": presenceEnvelope,
	"user:activation_state":  activationEnvelope,
	"user:profile_update":    profileEnvelope,
	"user:friendship":        friendshipEnvelope,
}

// event reads an event of the older format or of an envelope. It returns nil if it doesn't know the kind.
func (r *fieldReader) event(envelope envelopeType) Event {
	switch envelope {
	case presenceEnvelope:
		return r.presence("userId")
	case activationEnvelope:
		return r.deactivation("operationType")
	case profileEnvelope:
		return r.profile("operatorId", "operationType", "userMetaData")
	case friendshipEnvelope:
		return r.friendship("operationType", "os")
	default:
		return r.selfDescribing()
	}
}

// isEnvelope reports whether the object has the newer format, that of Nexconn: a type, an id, a time and a list of
// events.
func (o object) isEnvelope() bool {
	eventType, data := o.get("type"), o.get("data")
	return len(eventType.raw) > 0 && eventType.raw[0] == '"' && len(data.raw) > 0 && data.raw[0] == '['
}

// decodeEnvelope uses the envelope's time for an event without a time, because this format omits empty fields. An invalid
// time of the envelope counts as missing.
func decodeEnvelope(o object, body []byte) (decoded, error) {
	var invalid error // ignored: a time that can't be read concerns only the events that need it
	outer := fieldReader{fields: o, err: &invalid}
	envelope, known := envelopeTypes[outer.required("type")]
	if !known {
		return decoded{events: []Event{unknownEvent(body)}}, nil
	}
	f := format{envelope: envelope}
	if o.has("time") {
		f.sentAt = outer.millis()
	}
	return decodeList(o.get("data").raw, f)
}
