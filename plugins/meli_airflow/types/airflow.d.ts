// What the pages find as globals: React, Airflow's Chakra components and its router, and uPlot once it is loaded.
// A component that is not listed here is a type error, which catches misspelled names; its props are not checked.
import type * as ReactTypes from "react";
import type UPlotClass from "uplot";

// biome-ignore lint/suspicious/noExplicitAny: Chakra's types would bring in hundreds of packages
type Component = ReactTypes.FunctionComponent<any>;

type Plain = "Badge" | "Box" | "Button" | "Flex" | "Heading" | "Input" | "Link" | "Textarea";
type Layout = "SimpleGrid" | "Skeleton" | "Stack" | "Text";

export interface Globals {
  React: typeof ReactTypes;
  ChakraUI: Record<Plain | Layout, Component> & {
    Alert: Record<"Root" | "Indicator" | "Content" | "Title" | "Description", Component>;
    Checkbox: Record<"Root" | "HiddenInput" | "Control", Component>;
    NativeSelect: Record<"Root" | "Field" | "Indicator", Component>;
    Switch: Record<"Root" | "HiddenInput" | "Control" | "Thumb" | "Label", Component>;
    Table: Record<"ScrollArea" | "Root" | "Header" | "Body" | "Row" | "ColumnHeader" | "Cell", Component>;
  };
  ReactRouterDOM: {
    Link: Component;
    useLocation: () => { pathname: string; search: string };
    useNavigate: () => (to: { pathname?: string; search: string }, options?: { replace: boolean }) => void;
    useSearchParams: () => [
      URLSearchParams,
      (next: (before: URLSearchParams) => URLSearchParams, options: { replace: boolean }) => void,
    ];
  };
  /** Defined by vendor/uplot once it is loaded. */
  uPlot: typeof UPlotClass;
}
