// Sample problems with their right answers. The array is plain JSON, so that other programs can read it.
export const SAMPLES = [
  {
    "name": "Stickers",
    "problem": "Rachel had 58 stickers. She gave 27 of them to her brother. How many stickers does she have left?",
    "answer": "31"
  },
  {
    "name": "Eggs",
    "problem": "A farmer packs 432 eggs into boxes of 12. How many boxes does the farmer need?",
    "answer": "36"
  },
  {
    "name": "Crayons",
    "problem": "There are 24 boxes with 8 crayons in each box. How many crayons are there in all?",
    "answer": "192"
  },
  {
    "name": "Discount",
    "problem": "Each pack of DVDs costs 76 dollars. There is a discount of 25 dollars on each pack. How much does each pack cost now?",
    "answer": "51"
  },
  {
    "name": "Pens and change",
    "problem": "A shop sells pens at 3 dollars each. Ann buys 7 pens and pays with a 50 dollar note. How much change does she get?",
    "answer": "29"
  }
];
