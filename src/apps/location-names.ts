/** Names that go into logs, notes and the arguments of a code server: as strict wherever they are declared. */
export const LOCATION_NAME = /^[^\p{Cc}]{1,120}$/u;
export const PYTHON_MODULE = /^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$/;
export const PYTHON_NAME = /^[A-Za-z_]\w*$/;
