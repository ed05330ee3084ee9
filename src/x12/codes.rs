//! The codes of this room. Their pages are in `explain.md`.

crate::codes! {
    // The reader.
    /// Bytes that belong to no interchange.
    RUBBISH = "X12-0001";
    /// What begins like an ISA cannot be read as one.
    ISA_UNREADABLE = "X12-0002";
    /// A segment is longer than may be held.
    SEGMENT_TOO_LONG = "X12-0003";
    /// The length of binary data is wrong.
    BINARY_LENGTH = "X12-0004";
    /// The last segment has no terminator.
    TERMINATOR_MISSING = "X12-0005";
    // The interchange.
    /// The interchange has no IEA.
    IEA_MISSING = "X12-0101";
    /// IEA02 is not ISA13.
    IEA_CONTROL = "X12-0102";
    /// IEA01 is not the number of groups.
    IEA_COUNT = "X12-0103";
    /// The ISA is not 106 bytes long.
    ISA_WIDTH = "X12-0104";
    /// ISA12 is no known version.
    ISA_VERSION = "X12-0105";
    /// ISA09 is no date.
    ISA_DATE = "X12-0106";
    /// ISA10 is no time.
    ISA_TIME = "X12-0107";
    /// ISA13 is no control number.
    ISA_CONTROL = "X12-0108";
    /// ISA14 is neither 0 nor 1.
    ISA_ACK_FLAG = "X12-0109";
    /// ISA15 is none of P, T and I.
    ISA_USAGE = "X12-0110";
    /// ISA05 or ISA07 is no known qualifier.
    ISA_QUALIFIER = "X12-0111";
    /// ISA06 or ISA08 is empty.
    ISA_PARTY = "X12-0112";
    /// Separators of the ISA collide.
    ISA_SEPARATOR = "X12-0113";
    /// A segment stands outside of any group.
    STRAY_SEGMENT = "X12-0115";
    /// A set stands outside of any group.
    SET_OUTSIDE_GROUP = "X12-0116";
    /// ISA01 is no known qualifier, or ISA02 is blank where it says that something stands there.
    ISA_AUTHORIZATION = "X12-0117";
    /// ISA03 is no known qualifier, or ISA04 is blank where it says that something stands there.
    ISA_SECURITY = "X12-0118";
    /// ISA11 names no standard, and is no repetition separator either.
    ISA_STANDARD = "X12-0119";
    /// ISA07 and ISA08 are not ours.
    ISA_RECEIVER = "X12-0120";
    /// ISE asks for delivery at no possible time.
    DEFERRED_DELIVERY = "X12-0121";
    /// ISB01 is no grade of service.
    SERVICE_GRADE = "X12-0122";
    // The group.
    /// The group has no GE.
    GE_MISSING = "X12-0201";
    /// GE02 is not GS06.
    GE_CONTROL = "X12-0202";
    /// GE01 is not the number of sets.
    GE_COUNT = "X12-0203";
    /// The group's version is not known.
    GROUP_VERSION = "X12-0204";
    /// The group's functional identifier is not known.
    GROUP_UNKNOWN = "X12-0205";
    /// GS06 is no control number, or stands in this interchange twice.
    GROUP_CONTROL = "X12-0206";
    /// GS04 is no date.
    GROUP_DATE = "X12-0207";
    /// GS05 is no time.
    GROUP_TIME = "X12-0208";
    /// A segment stands in a group but outside of any set.
    GROUP_STRAY = "X12-0209";
    /// GS06 came before in another interchange, and the partner's file says that it must not.
    GROUP_REPEATED = "X12-0210";
    // The set.
    /// The set has no SE.
    SE_MISSING = "X12-0301";
    /// SE02 is not ST02.
    SE_CONTROL = "X12-0302";
    /// SE01 is not the number of segments.
    SE_COUNT = "X12-0303";
    /// There is no table for the set.
    SET_UNKNOWN = "X12-0304";
    /// ST02 is no control number, or stands in this group twice.
    SET_CONTROL = "X12-0305";
    /// ST01 is missing.
    SET_ID = "X12-0306";
    /// The set does not belong into a group of this kind.
    SET_GROUP = "X12-0307";
    /// There is no table for the set's version.
    SET_VERSION = "X12-0308";
    /// ST02 came before in another group, and the partner's file says that it must not.
    SET_REPEATED = "X12-0309";
    // Segments: the last digit is AK304's.
    /// The standard has no segment of this name.
    SEGMENT_UNKNOWN = "X12-0401";
    /// The segment stands where it must not.
    SEGMENT_UNEXPECTED = "X12-0402";
    /// A mandatory segment is missing.
    SEGMENT_MISSING = "X12-0403";
    /// A loop occurs too often.
    LOOP_TOO_OFTEN = "X12-0404";
    /// A segment occurs too often.
    SEGMENT_TOO_OFTEN = "X12-0405";
    /// The set has no such segment.
    SEGMENT_NOT_IN_SET = "X12-0406";
    /// The segment stands out of sequence.
    SEGMENT_SEQUENCE = "X12-0407";
    // Elements: the last two digits are AK403's.
    /// A mandatory element is missing.
    ELEMENT_MISSING = "X12-0501";
    /// An element is missing that another one asks for.
    ELEMENT_CONDITION = "X12-0502";
    /// The segment has more elements than the standard knows.
    ELEMENT_TOO_MANY = "X12-0503";
    /// The element is too short.
    ELEMENT_SHORT = "X12-0504";
    /// The element is too long.
    ELEMENT_LONG = "X12-0505";
    /// The element holds a character that it may not.
    ELEMENT_CHARACTER = "X12-0506";
    /// The code is not in the element's list.
    ELEMENT_CODE = "X12-0507";
    /// The element is no date.
    ELEMENT_DATE = "X12-0508";
    /// The element is no time.
    ELEMENT_TIME = "X12-0509";
    /// Two elements exclude each other.
    ELEMENT_EXCLUSION = "X12-0510";
    /// The element is repeated too often.
    ELEMENT_REPETITIONS = "X12-0512";
    /// The element has more components than the standard knows.
    ELEMENT_COMPONENTS = "X12-0513";
    /// The element holds a control character.
    CONTROL_CHARACTER = "X12-0514";
    // Balance.
    /// CTT01 is not the number of lines.
    CTT_COUNT = "X12-0601";
    /// CTT02 is not the sum it stands for.
    CTT_HASH = "X12-0602";
    /// TDS01 is not what the lines come to.
    TDS_TOTAL = "X12-0603";
    /// HL02 names a level that was not sent before.
    HL_PARENT = "X12-0604";
    /// HL01 stands in this set twice.
    HL_NUMBER = "X12-0605";
    /// HL04 and the levels below do not agree.
    HL_CHILDREN = "X12-0606";
    // Writing.
    /// A value holds a separator of the interchange it is written to.
    WRITE_COLLISION = "X12-0701";
    /// A value cannot stand in the envelope.
    WRITE_ENVELOPE = "X12-0702";
    // Acknowledgements that come in.
    /// An acknowledgement cannot be understood.
    ACK_UNREADABLE = "X12-0801";
}

#[cfg(test)]
mod tests {
    use crate::x12::{RULES, codes};

    #[test]
    fn every_rule_has_a_code() {
        assert!(RULES.iter().all(|rule| codes::ALL.contains(&rule.code)));
    }
}
