//! Words of plans and stocks: how firm a need is, which span of time it is for, on which days goods come.

open_enum! {
    /// What a quantity is. X12 673.
    pub enum QuantityKind {
        /// A plain quantity. X12 `01`.
        Discrete = "discrete",
        /// The sum since the start of counting. X12 `02`.
        Cumulative = "cumulative",
        /// On hand. X12 `17`.
        OnHand = "on_hand",
        /// Not fit for use. X12 `20`.
        Unusable = "unusable",
        /// Sold. X12 `32`.
        Sold = "sold",
        /// Free to be sold. X12 `33`.
        Available = "available",
        /// Shipped. X12 `39`.
        Shipped = "shipped",
        /// Received. X12 `87`.
        Received = "received",
        /// On hold. X12 `QH`.
        OnHold = "on_hold",
    }

    /// What the dates of a schedule are of. X12 675.
    pub enum ScheduleBasis {
        /// Of delivery. X12 `DL`.
        Delivery = "delivery",
        /// Of shipment. X12 `SH`.
        Shipment = "shipment",
        /// Of planned delivery. X12 `PD`.
        PlannedDelivery = "planned_delivery",
        /// Of planned shipment. X12 `PS`.
        PlannedShipment = "planned_shipment",
        /// Of the buyer's use of the goods. X12 `BB`.
        Consumption = "consumption",
        /// Of the buyer's production sequence. X12 `JS`.
        ProductionSequence = "production_sequence",
        /// Of kanban signals. X12 `KB`.
        Kanban = "kanban",
    }

    /// Whether the quantities of a schedule stand by themselves. X12 676.
    pub enum QuantityBasis {
        /// Each is of its own bucket. X12 `A`.
        Discrete = "discrete",
        /// Each is the sum since the start of counting. X12 `C`.
        Cumulative = "cumulative",
        /// Each takes the place of what was said before. X12 `R`.
        Replacement = "replacement",
    }

    /// How firm a need is. X12 680, EDIFACT 4017.
    pub enum Commitment {
        /// Needed at once: the buyer is behind. X12 `A`.
        Immediate = "immediate",
        /// The buyer will take it. X12 `C`.
        Firm = "firm",
        /// A plan that may change. X12 `D`.
        Planned = "planned",
        /// Firm, and told for the first time. X12 `H`.
        FirstTimeFirm = "first_time_firm",
        /// For pilots before volume production. X12 `B`.
        Pilot = "pilot",
        /// For prototypes. X12 `P`.
        Prototype = "prototype",
        /// The order may be larger. X12 `F`.
        PotentialIncrease = "potential_increase",
        /// What the plant uses on average. X12 `G`.
        AverageUsage = "average_usage",
        /// Waits for an engineering change. X12 `L`.
        EngineeringChangePending = "engineering_change_pending",
        /// Released for delivery. X12 `Q`.
        Released = "released",
        /// Against a strike. X12 `S`.
        StrikeProtection = "strike_protection",
    }

    /// Which span of time a bucket is. X12 681, EDIFACT 2013.
    pub enum BucketTiming {
        /// One day, and every day alike. X12 `C`.
        Daily = "daily",
        /// A delivery on one day. X12 `D`.
        Discrete = "discrete",
        /// From one day through another. X12 `F`.
        Interval = "interval",
        /// A month. X12 `M`.
        Monthly = "monthly",
        /// A quarter of a year. X12 `Q`.
        Quarterly = "quarterly",
        /// A week. X12 `W`.
        Weekly = "weekly",
    }

    /// On which days goods come. X12 678, EDIFACT 2015.
    pub enum DeliveryDays {
        /// The first week of the month. X12 `1`.
        FirstWeek = "first_week",
        /// The second week of the month. X12 `2`.
        SecondWeek = "second_week",
        /// The third week of the month. X12 `3`.
        ThirdWeek = "third_week",
        /// The fourth week of the month. X12 `4`.
        FourthWeek = "fourth_week",
        /// The fifth week of the month. X12 `5`.
        FifthWeek = "fifth_week",
        /// X12 `A`.
        MondayToFriday = "monday_to_friday",
        /// X12 `B`.
        MondayToSaturday = "monday_to_saturday",
        /// X12 `C`.
        MondayToSunday = "monday_to_sunday",
        /// X12 `L`.
        MondayToThursday = "monday_to_thursday",
        /// X12 `D`.
        Monday = "monday",
        /// X12 `E`.
        Tuesday = "tuesday",
        /// X12 `F`.
        Wednesday = "wednesday",
        /// X12 `G`.
        Thursday = "thursday",
        /// X12 `H`.
        Friday = "friday",
        /// X12 `J`.
        Saturday = "saturday",
        /// X12 `K`.
        Sunday = "sunday",
        /// At once. X12 `M`.
        Immediately = "immediately",
        /// As the buyer says by another way. X12 `N`.
        AsDirected = "as_directed",
        /// Each day, Monday to Friday. X12 `O`.
        Daily = "daily",
        /// Once in the week, Monday to Friday. X12 `S`.
        OnceWeekly = "once_weekly",
        /// Whenever needed. X12 `W`.
        WheneverNeeded = "whenever_needed",
        /// None; ends an earlier pattern. X12 `Y`.
        None = "none",
    }

    /// At which time of the day goods come. X12 679, EDIFACT 2017.
    pub enum DeliveryTime {
        /// X12 `A`.
        FirstShift = "first_shift",
        /// X12 `B`.
        SecondShift = "second_shift",
        /// X12 `C`.
        ThirdShift = "third_shift",
        /// X12 `D`.
        Morning = "morning",
        /// X12 `E`.
        Afternoon = "afternoon",
        /// As the buyer says by another way. X12 `F`.
        AsDirected = "as_directed",
        /// X12 `G`.
        AnyShift = "any_shift",
        /// None; ends an earlier pattern. X12 `Y`.
        None = "none",
    }

    /// What a seller may make or buy ahead. X12 672.
    pub enum ResourceKind {
        /// Finished goods. X12 `FI`.
        Finished = "finished",
        /// Labour. X12 `LB`.
        Labour = "labour",
        /// Labour and material. X12 `LM`.
        LabourAndMaterial = "labour_and_material",
        /// Material. X12 `MT`.
        Material = "material",
        /// The cumulative quantity needed before the first bucket. X12 `PQ`.
        PriorCumulative = "prior_cumulative",
        /// What was released before. X12 `PR`.
        PreviouslyReleased = "previously_released",
    }
}
