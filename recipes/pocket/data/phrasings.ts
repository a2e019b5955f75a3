export { NOT_SHOWN, OUT_OF_SCOPE as REFUSAL } from "../../../src/model/minicpmv/pocket-sentences.ts";

/** Ways to ask for a named value, by the key of the field. */
export const fieldPhrasings: Readonly<Record<string, readonly string[]>> = {
  merchant: [
    "What is the name of the merchant?",
    "Merchant?",
    "Which shop is this from?",
    "Who is the seller?",
    "What is the store name?",
    "Store?",
    "Name of the business?",
    "Company name?",
    "Who issued this?",
  ],
  street: [
    "What is the street address?",
    "Street?",
    "Which street is it on?",
    "Address line?",
    "What street and number?",
    "Street address?",
  ],
  town: ["What is the city?", "City?", "Which town?", "City and postcode?", "What town is given?"],
  phone: [
    "What is the phone number?",
    "Phone?",
    "Telephone number?",
    "Tel?",
    "Which number can I call?",
    "phone number",
    "What number do I call?",
  ],
  email: ["What is the e-mail address?", "Email?", "E-mail?", "Which email address is given?", "What is the email?"],
  website: ["What is the website?", "Website?", "URL?", "Web address?", "Which website is given?"],
  date: [
    "What is the date?",
    "Date?",
    "When was this?",
    "Which date is printed?",
    "date",
    "What date is shown?",
    "On which date?",
  ],
  time: ["What time is printed?", "Time?", "At what time?", "What is the time?", "time"],
  number: [
    "What is the receipt number?",
    "Receipt number?",
    "Which number does this document have?",
    "Order number?",
    "Document number?",
  ],
  cashier: ["Who was the cashier?", "Cashier?", "Who served?", "Name of the server?", "Served by?"],
  customer: ["Who is the customer?", "Customer?", "Billed to whom?", "Bill to?", "Name of the client?"],
  dueDate: ["When is it due?", "Due date?", "What is the due date?", "Payable until?", "By when must it be paid?"],
  subtotal: ["What is the subtotal?", "Subtotal?", "How much is the subtotal?", "subtotal", "Amount before tax?"],
  discount: ["What is the discount?", "Discount?", "How much was taken off?", "How much discount is there?"],
  tax: ["How much is the tax?", "Tax?", "What is the tax amount?", "VAT?", "tax", "How much tax was charged?"],
  tip: ["How much is the tip?", "Tip?", "What tip was given?", "Gratuity?"],
  total: [
    "What is the total?",
    "Total?",
    "How much is the total?",
    "total",
    "What is the total amount?",
    "Grand total?",
    "How much was it in total?",
    "Amount due?",
    "What do I have to pay?",
    "Sum?",
  ],
  method: ["How was it paid?", "Payment method?", "What was the payment method?", "Paid with?", "Cash or card?"],
  paid: ["How much was paid?", "Amount tendered?", "How much was given?", "Paid amount?"],
  change: ["How much change was given?", "Change?", "What is the change?"],
  card: ["What are the card digits?", "Card number?", "Which card number is printed?"],
  price: ["What is the price?", "Price?", "How much does it cost?", "How much is it?", "price"],
  product: ["What is the product?", "Product?", "Product name?", "What is being sold?"],
  code: ["What is the code?", "Code?", "Which code is printed?", "ID?", "What is the identifier?"],
  name: ["What is the name?", "Name?", "Whose name is on it?", "Which name is printed?"],
  role: ["What is the job title?", "Job title?", "Position?", "Which role is given?"],
  weight: ["What is the weight?", "Weight?", "How heavy is it?", "Net weight?"],
  heading: ["What is the heading?", "Heading?", "Read the heading.", "What is the title?", "Title?"],
  underLogo: [
    "Read the line under the logo.",
    "What is written under the logo?",
    "What does it say below the logo?",
    "Text under the logo?",
  ],
  signature: ["Who signed it?", "Signature?"],
};

export const readPhrasings = [
  "Read this.",
  "Read this.",
  "Read the text.",
  "What does it say?",
  "Transcribe.",
  "What is written here?",
  "Read everything.",
  "Text?",
  "OCR",
  "Read it to me.",
  "What does this say?",
  "Transcribe the text in the picture.",
];
export const labelPhrasings = [
  "What is the {lower}?",
  "{label}?",
  "{label}",
  "What is given for {label}?",
  "Value of {label}?",
  "What does the field {label} say?",
];
export const itemsPhrasings = [
  "List the items as JSON.",
  "Items as JSON.",
  "Give me the items as JSON.",
  "Return all items as JSON.",
  "Extract the items as JSON.",
];
export const itemNamesPhrasings = ["List the items.", "Which items are listed?", "What was bought?", "Items?"];
export const itemPricePhrasings = [
  "How much is the {name}?",
  "What does {name} cost?",
  "Price of {name}?",
  "{name}?",
  "What is the price of {name}?",
];
export const itemQuantityPhrasings = ["How many {name}?", "Quantity of {name}?", "How many {name} were bought?"];
export const nthPricePhrasings = [
  "What is the price of the {nth} item?",
  "Price of item {n}?",
  "How much is item {n}?",
  "How much does the {nth} item cost?",
];
export const nthNamePhrasings = [
  "What is the {nth} item?",
  "Name of item {n}?",
  "Item {n}?",
  "Which item is the {nth}?",
];
export const boxOfPhrasings = [
  'Where is "{text}"?',
  'Find "{text}".',
  'Box of "{text}"?',
  'Where does it say "{text}"?',
  'Locate "{text}".',
];
export const textInPhrasings = ["What is in {box}?", "Read {box}.", "What does {box} say?", "Read the text in {box}."];
export const nthLinePhrasings = ["Read line {n}.", "What is the {nth} line?", "Read the {nth} line.", "Line {n}?"];
export const lastLinePhrasings = ["Read the last line.", "What is the last line?", "Last line?"];
export const firstLinePhrasings = ["Read the first line.", "What is the first line?", "Top line?"];

/** Asked of pictures of print, and without any picture: the model says what it is for. */
export const outOfScopePhrasings = [
  "Describe the picture.",
  "What colour is the background?",
  "How many people are there?",
  "Is there a cat?",
  "What is the mood of this picture?",
  "Who painted this?",
  "Write a poem.",
  "What is the capital of France?",
  "Translate this into German.",
  "What do you see?",
  "Is this a good price?",
  "What animal is this?",
  "Explain this chart.",
  "How are you?",
  "What is 12 times 7?",
  "Write a Python function.",
  "Summarise the history of Rome.",
  "What breed is the dog?",
  "What is the weather like?",
  "Tell me a joke.",
  "Which is the cheapest item?",
  "Add up the prices.",
];
