// What the front end is given: by Jupyter's widgets, by the kernel and by plotly.js. For editors and the type checker
// alone; nothing of it reaches a page.

/** A widget's model, as anywidget gives it. */
export interface Model {
  get(name: string): any;
  set(name: string, value: unknown): void;
  save_changes(): void;
  send(message: unknown): void;
  on(event: string, callback: (...values: any[]) => void): void;
  off(event: string, callback: (...values: any[]) => void): void;
  widget_manager?: { kernel?: Kernel; get_model?(id: string): Promise<Model> };
  comm_live?: boolean;
  model_id?: string;
}

/** What pages of Lab, Notebook and Voila know of a kernel. */
export interface Kernel {
  statusChanged?: Signal<string>;
  disposed?: Signal<void>;
  requestCommInfo?(filter: { target_name: string }): Promise<{ content: { comms?: Record<string, unknown> } }>;
}

export interface Signal<T> {
  connect(slot: (sender: unknown, told: T) => void): unknown;
  disconnect(slot: (sender: unknown, told: T) => void): unknown;
}

/** plotly.js, so far as it is used. */
export interface Plotly {
  version: string;
  newPlot(gd: PlotlyDiv, data: any[], layout: any, config: any): Promise<unknown>;
  react(gd: PlotlyDiv, data: any[], layout: any, config: any): Promise<unknown>;
  redraw(gd: PlotlyDiv): Promise<unknown>;
  relayout(gd: PlotlyDiv, changes: any): Promise<unknown>;
  restyle(gd: PlotlyDiv, changes: any, traces: number[]): Promise<unknown>;
  update(gd: PlotlyDiv, style: any, layout: any, traces?: number[]): Promise<unknown>;
  animate(gd: PlotlyDiv, frame: any, options: any): Promise<unknown>;
  addTraces(gd: PlotlyDiv, traces: any[]): Promise<unknown>;
  deleteTraces(gd: PlotlyDiv, indexes: number[]): Promise<unknown>;
  moveTraces(gd: PlotlyDiv, from: number[], to: number[]): Promise<unknown>;
  purge(gd: PlotlyDiv): void;
  toImage(gd: PlotlyDiv, options: { format: string; width: number; height: number }): Promise<string>;
}

/** The page's promise of plotly.js. */
export type PlotlyPromise = Promise<Plotly> & { there?: boolean; hurry?: () => void };

/** The element plotly draws in: its figure, and fields of its own that only `plotly_private.js` reads. */
export interface PlotlyDiv extends HTMLDivElement {
  data: any[];
  layout: any;
  on(event: string, callback: (event: any) => void): void;
  [name: string]: any;
}

declare global {
  interface Window {
    Plotly?: Plotly;
    __mdnbTold?: Set<string>;
    __mdnbPlotly?: Map<string, PlotlyPromise>;
    __mdnbModules?: Map<string, Promise<any>>;
  }
}

/** Bars as `mdnb.widgets.chart.packed_columns` packs them. */
export interface PackedColumn {
  dtype: string;
  count: number;
  multiply: number;
  divide: number;
}

export interface Colours {
  up: string;
  down: string;
  up_text: string;
  down_text: string;
  text: string;
  muted: string;
  grid: string;
  background: string;
  chip: string;
  warning: string;
  drawn: string;
  drawn_fill: string;
  drawn_text: string;
  volume_up: string;
  volume_down: string;
  accents: string[];
  [name: string]: any;
}

/** What a theme colours: the layout, traces by uid, and what we draw. */
export interface Colouring {
  layout: Record<string, any>;
  traces: Record<string, Record<string, any>>;
  colours: Colours;
}

/** An indicator's line. */
export interface Line {
  uid: string;
  axis: string;
  label: string;
  style: string;
  column: number;
  decimals: number;
  accent: number;
  width: number;
  breaks: boolean;
}

/** A pane below the bars. */
export interface Pane {
  axis: string;
  range: [number, number] | null;
  guides: number[];
}

export interface Link {
  group: string;
  zoom: boolean;
  crosshair: boolean;
}

export interface Mode {
  mode: string;
  speed: number;
  cut?: boolean;
  at?: number;
  row?: (number | null)[] | null;
  forming?: boolean;
}

/** What the kernel says of a chart beside its bars; see `mdnb.widgets.chart.binary_transport`. */
export interface Look {
  symbol: string;
  venue: string;
  timeframe: string;
  kind: string;
  tz: string;
  status: string;
  tone: string;
  latency: number;
  generation: number;
  left: number;
  first: number;
  forming: boolean;
  limit: number;
  columns: PackedColumn[];
  theme: string;
  themes: Record<string, Colouring>;
  follows_page: boolean;
  decimals: number;
  volume_decimals: number;
  tick: number;
  worth: number | null;
  visible: number;
  panes: Pane[];
  series: Line[];
  resets: number[];
  sessions: number[];
  quotes: boolean;
  link: Link | null;
  mode?: Mode;
}

export interface Alert {
  id: number | string;
  active: boolean;
  fired: number;
  price: number | null;
  at: number | null;
  trade: number | null;
  message: string;
}

export interface Mark {
  time: number;
  side: string;
  price: number;
  text: string;
}

export interface Position {
  entry: number;
  size: number;
  worth: number;
}

/** Marks, alerts and the position; of marks only what was added since `before` where that is given. */
export interface AnnotationsMessage {
  before?: unknown;
  version: [string, ...unknown[]];
  alerts: Alert[];
  position: Position | null;
  marks: { time: number[]; side: string[]; price: number[]; text: string[] };
}

export interface Shape {
  type: string;
  name: string;
  x0: number;
  x1: number;
  y0: number;
  y1: number;
  line?: { color: string; width?: number; dash?: string };
  fillcolor?: string;
  [name: string]: any;
}

/** Where a pointer is: on a bar, at a pixel; that of a linked chart is a `guest`, without a pixel across. */
export interface Pointer {
  ordinal: number;
  y: number;
  x?: number;
  guest?: boolean;
}
