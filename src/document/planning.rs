//! What forecasts, ship schedules and inventory reports have in common: buckets of time, delivery patterns, what was
//! shipped until now, how long something takes (which orders say too).

use super::{
    common::*,
    scalar::{Date, Decimal, Time},
    words::*,
};

document! {
    /// A need for goods in one span of time. X12 FST, EDIFACT SCC with QTY and DTM, UBL `ForecastLine`.
    pub struct Bucket {
        /// How many, in the line's unit. Whether it counts for this bucket only or adds up from the start is told by the
        /// document's `quantity_basis`. FST01.
        quantity: maybe Decimal,
        /// How firm it is. FST02.
        commitment: maybe Commitment,
        /// How long the span is. FST03.
        timing: maybe BucketTiming,
        /// The day, or the first day of the span. FST04.
        start_date: maybe Date,
        /// The last day of the span. FST05.
        end_date: maybe Date,
        /// What happens at `time`. FST06.
        date_role: maybe DateRole,
        /// FST07.
        time: maybe Time,
        /// A number of this delivery, like a release or a delivery order. FST08, FST09.
        reference: maybe Reference,
        /// As sent. FST10.
        planning_kind: maybe String,
        /// What the quantity is, where the sender says more than `quantity_basis`. FST11, since 5010.
        quantity_kind: maybe QuantityKind,
        /// Why it differs from the plan before. FST12, since 5010.
        change_reason: maybe AdjustmentReason,
        /// FST13, since 5010.
        description: maybe String,
        /// Other quantities of the bucket. QTY after FST.
        quantities: list QuantityInformation,
        /// Dates of the bucket. DTM after FST.
        dates: list DocumentDate,
        /// The bucket split by place. SDQ.
        destinations: list Destination,
        /// The bucket split by time of day. JIT.
        call_offs: list CallOff,
    }

    /// A part of a day's quantity. X12 JIT.
    pub struct CallOff {
        /// How many, in the line's unit. JIT01.
        quantity: maybe Decimal,
        /// When. JIT02.
        time: maybe Time,
        /// REF after JIT: kanban or sequence numbers.
        references: list Reference,
        /// DTM after JIT, since 5010.
        dates: list DocumentDate,
    }

    /// On which days and at which times goods are routinely shipped or delivered. X12 SDP.
    pub struct DeliveryPattern {
        /// SDP01, EDIFACT `DespatchPatternCode`.
        days: maybe DeliveryDays,
        /// SDP02.
        time: maybe DeliveryTime,
    }

    /// What was shipped or received until now. X12 SHP, EDIFACT QTY with `3` or `12`.
    pub struct ShippedQuantity {
        /// Discrete, or cumulative since `date`. SHP01.
        kind: maybe QuantityKind,
        /// In the line's unit. SHP02.
        quantity: maybe Decimal,
        /// What `date` is. SHP03.
        date_role: maybe DateRole,
        /// The day, or the first day of the span. SHP04.
        date: maybe Date,
        /// SHP05.
        time: maybe Time,
        /// The last day of the span. SHP06.
        end_date: maybe Date,
        /// SHP07.
        end_time: maybe Time,
        /// The shipment's numbers. REF after SHP.
        references: list Reference,
    }

    /// Up to when the seller may make goods or buy material at the buyer's risk. X12 ATH.
    pub struct Authorization {
        /// What is authorised. ATH01.
        kind: maybe ResourceKind,
        /// Through which day. ATH02.
        through_date: maybe Date,
        /// The present cumulative quantity, in the line's unit. ATH03.
        cumulative_quantity: maybe Decimal,
        /// The highest cumulative quantity until now. ATH04.
        highest_cumulative_quantity: maybe Decimal,
        /// Where the cumulative quantities begin. ATH05.
        cumulative_start_date: maybe Date,
    }

    /// How long something takes. X12 LDT, UBL `LeadTimeMeasure`.
    pub struct LeadTime {
        /// From what to what, as sent: `AF` is from the order to the shipment. LDT01.
        kind: maybe String,
        /// How many of `period`. LDT02.
        quantity: maybe Decimal,
        /// What is counted, as sent: `DA` is calendar days, `WK` weeks. LDT03.
        period: maybe String,
        /// From when it holds. LDT04.
        date: maybe Date,
        /// For how many it holds. QTY after LDT.
        quantities: list QuantityInformation,
        /// REF after LDT.
        references: list Reference,
        /// In words. MSG or MTX after LDT.
        text: list String,
    }
}
