//! What starts or stops a service besides the machine's start and somebody's word.

use std::fmt;

/// `SERVICE_TRIGGER`: an event, and what to do at it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Trigger {
    /// The kind of event.
    pub kind: TriggerKind,
    /// What to do.
    pub action: TriggerAction,
    /// Which event of its kind.
    pub subtype: Guid,
    /// What the event is compared with; its meaning is the kind's.
    pub data: Vec<TriggerData>,
}

/// `dwTriggerType` (`winsvc.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TriggerKind {
    /// A device of the interface class that the subtype names comes or is there.
    Device,
    /// The first address of the machine comes, the last one goes.
    Network,
    /// The machine joins or leaves a domain.
    Domain,
    /// A port is opened or closed in the firewall.
    FirewallPort,
    /// A policy of the machine or of a user changes.
    GroupPolicy,
    /// A call comes for a named pipe or an RPC interface.
    Endpoint,
    /// The state of the system that the subtype names changes.
    SystemState,
    /// A provider of events (ETW), named by the subtype, reports one.
    Event,
    /// Any other number.
    Other(u32),
}

/// What is done at a trigger's event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TriggerAction {
    /// Start the service.
    Start,
    /// Stop it.
    Stop,
}

/// `SERVICE_TRIGGER_SPECIFIC_DATA_ITEM`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TriggerData {
    /// Bytes.
    Binary(Vec<u8>),
    /// Texts: one, or several that belong to one item.
    Text(Vec<String>),
    /// The level of an event.
    Level(u8),
    /// Keywords of which one must match.
    AnyKeyword(u64),
    /// Keywords which must all match.
    AllKeywords(u64),
    /// Any other type, with its bytes.
    Other(u32, Vec<u8>),
}

impl Trigger {
    /// Starts the service when the machine has its first address.
    pub fn network_up() -> Self {
        Self::plain(TriggerKind::Network, TriggerAction::Start, guid::NETWORK_UP)
    }

    /// Stops the service when the machine has no address any more.
    pub fn network_down() -> Self {
        Self::plain(
            TriggerKind::Network,
            TriggerAction::Stop,
            guid::NETWORK_DOWN,
        )
    }

    /// Starts the service when the machine joins a domain, or is in one when it starts.
    pub fn domain_joined() -> Self {
        Self::plain(TriggerKind::Domain, TriggerAction::Start, guid::DOMAIN_JOIN)
    }

    /// Stops the service when the machine leaves its domain.
    pub fn domain_left() -> Self {
        Self::plain(TriggerKind::Domain, TriggerAction::Stop, guid::DOMAIN_LEAVE)
    }

    /// Starts the service when a policy of the machine changes.
    pub fn machine_policy() -> Self {
        let kind = TriggerKind::GroupPolicy;
        Self::plain(kind, TriggerAction::Start, guid::MACHINE_POLICY)
    }

    /// Starts the service when the port is opened in the firewall.
    pub fn port_opened(port: u16, protocol: &str) -> Self {
        Self {
            data: vec![TriggerData::Text(vec![
                port.to_string(),
                protocol.to_owned(),
            ])],
            ..Self::plain(
                TriggerKind::FirewallPort,
                TriggerAction::Start,
                guid::PORT_OPEN,
            )
        }
    }

    /// Starts the service when somebody opens the named pipe (without `\\.\pipe\`).
    pub fn named_pipe(name: &str) -> Self {
        Self {
            data: vec![TriggerData::Text(vec![name.to_owned()])],
            ..Self::plain(
                TriggerKind::Endpoint,
                TriggerAction::Start,
                guid::NAMED_PIPE,
            )
        }
    }

    /// Starts the service when a device of that interface class is there.
    pub fn device(class: Guid) -> Self {
        Self::plain(TriggerKind::Device, TriggerAction::Start, class)
    }

    /// Starts the service when the ETW provider reports an event.
    pub fn event(provider: Guid) -> Self {
        Self::plain(TriggerKind::Event, TriggerAction::Start, provider)
    }

    fn plain(kind: TriggerKind, action: TriggerAction, subtype: Guid) -> Self {
        Self {
            kind,
            action,
            subtype,
            data: Vec::new(),
        }
    }
}

impl TriggerKind {
    /// The number of `winsvc.h`.
    pub fn number(self) -> u32 {
        match self {
            Self::Device => 1,
            Self::Network => 2,
            Self::Domain => 3,
            Self::FirewallPort => 4,
            Self::GroupPolicy => 5,
            Self::Endpoint => 6,
            Self::SystemState => 7,
            Self::Event => 20,
            Self::Other(number) => number,
        }
    }

    /// The kind of that number.
    pub fn from_number(number: u32) -> Self {
        match number {
            1 => Self::Device,
            2 => Self::Network,
            3 => Self::Domain,
            4 => Self::FirewallPort,
            5 => Self::GroupPolicy,
            6 => Self::Endpoint,
            7 => Self::SystemState,
            20 => Self::Event,
            other => Self::Other(other),
        }
    }
}

impl TriggerData {
    /// The number of its type (`winsvc.h`) and its bytes, of which texts are UTF-16 and end in
    /// NUL each, and in one more if there are several.
    pub fn encode(&self) -> (u32, Vec<u8>) {
        match self {
            Self::Binary(bytes) => (1, bytes.clone()),
            Self::Text(texts) => {
                let mut units: Vec<u16> = Vec::new();
                for text in texts {
                    units.extend(text.encode_utf16().chain([0]));
                }
                if texts.len() != 1 {
                    units.push(0);
                }
                (
                    2,
                    units.iter().flat_map(|unit| unit.to_le_bytes()).collect(),
                )
            }
            Self::Level(level) => (3, vec![*level]),
            Self::AnyKeyword(keywords) => (4, keywords.to_le_bytes().to_vec()),
            Self::AllKeywords(keywords) => (5, keywords.to_le_bytes().to_vec()),
            Self::Other(number, bytes) => (*number, bytes.clone()),
        }
    }

    /// What [`encode`](Self::encode) gave. Bytes that are not as their type has it stay bytes.
    pub fn decode(number: u32, bytes: &[u8]) -> Self {
        let keywords = || <[u8; 8]>::try_from(bytes).map(u64::from_le_bytes).ok();
        match number {
            1 => Some(Self::Binary(bytes.to_vec())),
            2 => texts(bytes).map(Self::Text),
            3 => match bytes {
                [level] => Some(Self::Level(*level)),
                _ => None,
            },
            4 => keywords().map(Self::AnyKeyword),
            5 => keywords().map(Self::AllKeywords),
            _ => None,
        }
        .unwrap_or_else(|| Self::Other(number, bytes.to_vec()))
    }
}

fn texts(bytes: &[u8]) -> Option<Vec<String>> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let units: Vec<u16> = pairs.iter().map(|pair| u16::from_le_bytes(*pair)).collect();
    let units = units.strip_suffix(&[0])?;
    // Several end in two.
    let units = units.strip_suffix(&[0]).unwrap_or(units);
    if units.is_empty() {
        return Some(Vec::new());
    }
    let texts = units.split(|unit| *unit == 0);
    Some(texts.map(String::from_utf16_lossy).collect())
}

/// A globally unique identifier, as its text reads: `Guid(0x4f27f2de_14e2_430b_…)`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Guid(pub u128);

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{:032x}", self.0);
        let (a, b, c) = (&text[..8], &text[8..12], &text[12..16]);
        write!(f, "{a}-{b}-{c}-{}-{}", &text[16..20], &text[20..])
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Guid({self})")
    }
}

/// The events that the SDK's `winsvc.h` names.
pub mod guid {
    use super::Guid;

    /// `NETWORK_MANAGER_FIRST_IP_ADDRESS_ARRIVAL_GUID`.
    pub const NETWORK_UP: Guid = Guid(0x4f27f2de_14e2_430b_a549_7cd48cbc8245);
    /// `NETWORK_MANAGER_LAST_IP_ADDRESS_REMOVAL_GUID`.
    pub const NETWORK_DOWN: Guid = Guid(0xcc4ba62a_162e_4648_847a_b6bdf993e335);
    /// `DOMAIN_JOIN_GUID`.
    pub const DOMAIN_JOIN: Guid = Guid(0x1ce20aba_9851_4421_9430_1ddeb766e809);
    /// `DOMAIN_LEAVE_GUID`.
    pub const DOMAIN_LEAVE: Guid = Guid(0xddaf516e_58c2_4866_9574_c3b615d42ea1);
    /// `FIREWALL_PORT_OPEN_GUID`.
    pub const PORT_OPEN: Guid = Guid(0xb7569e07_8421_4ee0_ad10_86915afdad09);
    /// `FIREWALL_PORT_CLOSE_GUID`.
    pub const PORT_CLOSE: Guid = Guid(0xa144ed38_8e12_4de4_9d96_e64740b1a524);
    /// `MACHINE_POLICY_PRESENT_GUID`.
    pub const MACHINE_POLICY: Guid = Guid(0x659fcae6_5bdb_4da9_b1ff_ca2a178d46e0);
    /// `USER_POLICY_PRESENT_GUID`.
    pub const USER_POLICY: Guid = Guid(0x54fb46c8_f089_464c_b1fd_59d1b62c3b50);
    /// `NAMED_PIPE_EVENT_GUID`.
    pub const NAMED_PIPE: Guid = Guid(0x1f81d131_3fac_4537_9e0c_7e7b0c2f4b55);
    /// `RPC_INTERFACE_EVENT_GUID`.
    pub const RPC_INTERFACE: Guid = Guid(0xbc90d167_9470_4139_a9ba_be0bbbf5b74d);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_survives_its_encoding() {
        for data in [
            TriggerData::Binary(vec![1, 2, 3]),
            TriggerData::Text(vec![]),
            TriggerData::Text(vec!["orders".to_owned()]),
            TriggerData::Text(vec!["7001".to_owned(), "TCP".to_owned()]),
            TriggerData::Level(4),
            TriggerData::AnyKeyword(0x8000_0000_0000_0001),
            TriggerData::AllKeywords(3),
            TriggerData::Other(9, vec![7]),
        ] {
            let (number, bytes) = data.encode();
            assert_eq!(TriggerData::decode(number, &bytes), data);
        }
    }

    #[test]
    fn texts_end_as_documented() {
        let (number, bytes) = TriggerData::Text(vec!["a".to_owned(), "b".to_owned()]).encode();
        assert_eq!((number, bytes), (2, b"a\0\0\0b\0\0\0\0\0".to_vec()));
        // Half a unit is not text.
        assert_eq!(
            TriggerData::decode(2, b"a\0\0"),
            TriggerData::Other(2, b"a\0\0".to_vec())
        );
    }

    #[test]
    fn kinds_and_identifiers_read_as_in_the_header() {
        for number in 0..40 {
            assert_eq!(TriggerKind::from_number(number).number(), number);
        }
        assert_eq!(
            guid::NETWORK_UP.to_string(),
            "4f27f2de-14e2-430b-a549-7cd48cbc8245"
        );
    }
}
